// Goal:   the primitives are the published ones, as we use them.
// Method: vectors of RFC 6234, 7693, 7748, 8032, of draft-irtf-cfrg-xchacha and of the paper that
//         proposed GCM, through our own functions where they do not add to the primitive (the list is
//         in docs/testing.md); for our labels (BLAKE2b's
//         personalisation, which no RFC covers) values from an unrelated implementation, Python's
//         hashlib.
#include <gtest/gtest.h>
#include <sodium.h>

#include <numeric>

#include "cryptoscatter/at_rest.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/signing.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/hex.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using testing::FromHex;

SecretArray<32> Secret32(absl::string_view hex) {
  SecretArray<32> out;
  const Bytes bytes = FromHex(hex);
  std::copy(bytes.begin(), bytes.end(), out.ExposeSecretMutable().begin());
  return out;
}

TEST(Primitives, Blake2bOfRfc7693) {
  std::array<std::uint8_t, 64> out;
  const ByteSpan abc = AsBytes("abc");
  ASSERT_EQ(crypto_generichash(out.data(), out.size(), abc.data(), abc.size(), nullptr, 0), 0);
  EXPECT_EQ(HexEncode(out),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

// Appendix E: hashes of several lengths of input and digest, plain and keyed, hashed together.
TEST(Primitives, Blake2bPassesTheSelfTestOfRfc7693) {
  const auto sequence = [](std::size_t size) {
    std::uint32_t a = 0xDEAD4BADu * static_cast<std::uint32_t>(size);
    std::uint32_t b = 1;
    Bytes out(size);
    for (std::uint8_t& byte : out) {
      const std::uint32_t t = a + b;
      a = b;
      b = t;
      byte = static_cast<std::uint8_t>(t >> 24);
    }
    return out;
  };
  Bytes all;
  for (const std::size_t digest_bytes : {20u, 32u, 48u, 64u}) {
    for (const std::size_t bytes : {0u, 3u, 128u, 129u, 255u, 1024u}) {
      const Bytes in = sequence(bytes);
      const Bytes key = sequence(digest_bytes);
      Bytes out(digest_bytes);
      crypto_generichash(out.data(), out.size(), in.data(), in.size(), nullptr, 0);
      all.insert(all.end(), out.begin(), out.end());
      crypto_generichash(out.data(), out.size(), in.data(), in.size(), key.data(), key.size());
      all.insert(all.end(), out.begin(), out.end());
    }
  }
  std::array<std::uint8_t, 32> out;
  crypto_generichash(out.data(), out.size(), all.data(), all.size(), nullptr, 0);
  EXPECT_EQ(HexEncode(out), "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475");
}

// A tree hash of suite 2 is SHA-256 of the data and the padded label, so the messages of RFC 6234
// are cut before their last sixteen characters.
TEST(Primitives, Sha256OfRfc6234ThroughTheTreeHash) {
  TreeHash hash(Suite::kAes256GcmSha256);
  EXPECT_EQ(
      hash.Of(HashLabel("klmnlmnomnopnopq"), AsBytes("abcdbcdecdefdefgefghfghighijhijkijkljklm"))
          .Hex(),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash.Of(HashLabel("aaaaaaaaaaaaaaaa"), Bytes(1'000'000 - 16, 'a')).Hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  Bytes octal;
  for (int i = 0; i < 624; ++i) octal.push_back(static_cast<std::uint8_t>('0' + i % 8));
  EXPECT_EQ(hash.Of(HashLabel("0123456701234567"), octal).Hex(),
            "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5");
  // And in suite 1 it is the labelled hash.
  EXPECT_EQ(TreeHash(Suite::kXChaCha20Blake2b).Of(labels::kFragmentLeaf, octal),
            LabelledHash(labels::kFragmentLeaf, octal));
}

// Segment 0, not the last, has the base nonce itself.
TEST(Primitives, Aes256GcmOfMcGrewAndViegaThroughTheSegments) {
  struct Case {
    const char* key;
    const char* nonce;
    const char* plaintext;
    const char* sealed;
  };
  const std::string zeros(64, '0');
  const Case cases[] = {
      // Test cases 13, 14 and 15.
      {zeros.c_str(), "000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {zeros.c_str(), "000000000000000000000000", "00000000000000000000000000000000",
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
       "cafebabefacedbaddecaf888",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
       "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
       "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
       "b094dac5d93471bdec1a502270e3cc6c"},
  };
  for (const Case& c : cases) {
    StreamKeys keys{Secret32(c.key), {}};
    const Bytes nonce = FromHex(c.nonce);
    std::copy(nonce.begin(), nonce.end(), keys.base_nonce.ExposeSecretMutable().begin());
    const Bytes plaintext = FromHex(c.plaintext);
    Bytes sealed(plaintext.size() + kSegmentTagBytes);
    SegmentSealer(Suite::kAes256GcmSha256, keys).Seal(0, false, plaintext, sealed);
    EXPECT_EQ(HexEncode(sealed), c.sealed);
    Bytes opened(plaintext.size());
    ASSERT_TRUE(SegmentOpener(Suite::kAes256GcmSha256, keys).Open(0, false, sealed, opened).ok());
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(Primitives, LabelledAndKeyedHashesAgreeWithPython) {
  EXPECT_EQ(LabelledHash(labels::kCoreId, AsBytes("abc")).Hex(),
            "cc696ec954f2534300853894242a06f06a38b1cbb5b841d6155598114140ab57");
  Bytes counting(300);
  std::iota(counting.begin(), counting.end(), 0);
  EXPECT_EQ(LabelledHash(labels::kFragmentLeaf, counting).Hex(),
            "78761a8e2fb8e1aa795b537ba737d21a16e043d0f6848b2e46e9757b00431817");
  std::array<std::uint8_t, 64> out;
  KeyedHash(labels::kStreamKeys, ByteSpan(counting).first(32), AsBytes("abc"), out);
  EXPECT_EQ(HexEncode(out),
            "48375a0b93102b9361b06a28355e6262cae540e79d30d5bcac000d38e101f57b"
            "d9df3d527c09dc9e1f5f1ddb5bf252601c96d383aa9ec986333b75a98815db07");
}

TEST(Primitives, XChaCha20Poly1305OfTheDraft) {
  const ByteSpan plaintext = AsBytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.");
  const Bytes aad = FromHex("50515253c0c1c2c3c4c5c6c7");
  Bytes key(32);
  std::iota(key.begin(), key.end(), 0x80);
  Bytes nonce(24);
  std::iota(nonce.begin(), nonce.end(), 0x40);
  Bytes out(plaintext.size() + 16);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(),
                                             plaintext.size(), aad.data(), aad.size(), nullptr,
                                             nonce.data(), key.data());
  EXPECT_EQ(HexEncode(out),
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
            "21f9664c97637da9768812f615c68b13b52e"
            "c0875924c1c7987947deafd8780acf49");
}

TEST(Primitives, Ed25519OfRfc8032) {
  const SigningKeyPair pair = SigningKeyPair::FromSeed(
      Secret32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(pair.public_key().Hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const Signature signature = pair.Sign({});
  EXPECT_EQ(signature.Hex(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  EXPECT_TRUE(VerifySignature(pair.public_key(), {}, signature, "it").ok());
  const absl::Status bad = VerifySignature(pair.public_key(), AsBytes("x"), signature, "it");
  EXPECT_EQ(bad.code(), absl::StatusCode::kUnauthenticated);
  const SigningKeyPair again = SigningKeyPair::FromSeed(pair.Seed());
  EXPECT_EQ(again.public_key(), pair.public_key());
}

TEST(Primitives, Ed25519OfRfc8032OverMessages) {
  struct Case {
    const char* seed;
    const char* public_key;
    const char* message;
    const char* signature;
  };
  const Case cases[] = {
      // TEST 2, TEST 3 and TEST SHA(abc).
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
      {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
       "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
       "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
       "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
  };
  for (const Case& c : cases) {
    const SigningKeyPair pair = SigningKeyPair::FromSeed(Secret32(c.seed));
    EXPECT_EQ(pair.public_key().Hex(), c.public_key);
    const Bytes message = FromHex(c.message);
    const Signature signature = pair.Sign(message);
    EXPECT_EQ(signature.Hex(), c.signature);
    EXPECT_TRUE(VerifySignature(pair.public_key(), message, signature, "it").ok());
  }
}

TEST(Primitives, X25519OfRfc7748Section5) {
  const auto multiply = [](const Bytes& scalar, const Bytes& u) {
    Bytes out(32);
    EXPECT_EQ(crypto_scalarmult(out.data(), scalar.data(), u.data()), 0);
    return out;
  };
  EXPECT_EQ(HexEncode(multiply(
                FromHex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                FromHex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(HexEncode(multiply(
                FromHex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                FromHex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
  Bytes k(32);
  k[0] = 9;
  Bytes u = k;
  for (int round = 1; round <= 1000; ++round) {
    const Bytes next = multiply(k, u);
    u = std::exchange(k, next);
    if (round == 1) {
      EXPECT_EQ(HexEncode(k), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(HexEncode(k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST(Primitives, X25519OfRfc7748AndThePairwiseKeyOverIt) {
  const ExchangeKeyPair alice = ExchangeKeyPair::FromPrivateKey(
      Secret32("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const ExchangeKeyPair bob = ExchangeKeyPair::FromPrivateKey(
      Secret32("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(alice.public_key().Hex(),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(bob.public_key().Hex(),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  // The shared secret 4a5d..1742 of section 6.1, hashed with both public keys (from Python).
  const auto as_sealer = alice.PairwiseKeyAsSealer(bob.public_key());
  const auto as_opener = bob.PairwiseKeyAsOpener(alice.public_key());
  ASSERT_TRUE(as_sealer.ok() && as_opener.ok());
  EXPECT_EQ(HexEncode(as_sealer->root.ExposeSecret()),
            "72670859b959f74ed6420ac0a3724764e4e1aec5217bf94720c017ea914f6cca");
  EXPECT_TRUE(EqualConstantTime(as_sealer->root.ExposeSecret(), as_opener->root.ExposeSecret()));
  // The other direction is another key.
  const auto back = bob.PairwiseKeyAsSealer(alice.public_key());
  EXPECT_FALSE(EqualConstantTime(as_sealer->root.ExposeSecret(), back->root.ExposeSecret()));
  EXPECT_EQ(alice.PairwiseKeyAsSealer(ExchangePublicKey()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AtRest, OpensOnlyWhereItWasSealedAndEveryFlipIsRefused) {
  testing::SeededEntropy entropy(12);
  SecretArray<32> key;
  entropy.Fill(key.ExposeSecretMutable());
  for (const std::size_t bytes : {0u, 1u, 1024u}) {
    Bytes name(bytes);
    entropy.Fill(name);
    const Bytes sealed = SealAtRest(key, AsBytes("k/1"), name, entropy);
    EXPECT_EQ(sealed.size(), bytes + kAtRestOverheadBytes);
    EXPECT_EQ(*OpenAtRest(key, AsBytes("k/1"), sealed), name);
    EXPECT_FALSE(OpenAtRest(key, AsBytes("k/2"), sealed).ok());
    EXPECT_FALSE(OpenAtRest(SecretArray<32>(), AsBytes("k/1"), sealed).ok());
    for (std::size_t at = 0; at < sealed.size(); ++at) {
      Bytes changed = sealed;
      changed[at] ^= 0x10;
      ASSERT_FALSE(OpenAtRest(key, AsBytes("k/1"), changed).ok()) << at;
      ASSERT_FALSE(OpenAtRest(key, AsBytes("k/1"), ByteSpan(sealed).first(at)).ok()) << at;
    }
  }
}

// All segments of one plaintext, one after the other.
Bytes SealAll(Suite suite, const StreamKeys& keys, std::uint32_t segment_bytes,
              ByteSpan plaintext) {
  Bytes sealed(CiphertextBytes(plaintext.size(), segment_bytes));
  const std::uint64_t count = SegmentCount(plaintext.size(), segment_bytes);
  SegmentSealer sealer(suite, keys);
  MutableByteSpan out(sealed);
  for (std::uint64_t i = 0; i < count; ++i) {
    const ByteSpan segment =
        plaintext.first(std::min<std::size_t>(segment_bytes, plaintext.size()));
    plaintext = plaintext.subspan(segment.size());
    sealer.Seal(i, i + 1 == count, segment, out.first(segment.size() + kSegmentTagBytes));
    out = out.subspan(segment.size() + kSegmentTagBytes);
  }
  return sealed;
}

absl::StatusOr<Bytes> OpenAll(Suite suite, const StreamKeys& keys, std::uint32_t segment_bytes,
                              ByteSpan sealed) {
  const std::size_t stripe = segment_bytes + kSegmentTagBytes;
  SegmentOpener opener(suite, keys);
  Bytes plaintext;
  for (std::uint64_t i = 0; i == 0 || !sealed.empty(); ++i) {
    const ByteSpan segment = sealed.first(std::min(stripe, sealed.size()));
    if (segment.size() < kSegmentTagBytes) return OpenFailure();
    sealed = sealed.subspan(segment.size());
    Bytes out(segment.size() - kSegmentTagBytes, 0xee);
    const absl::Status status = opener.Open(i, sealed.empty(), segment, out);
    if (!status.ok()) {
      EXPECT_EQ(out, Bytes(out.size())) << "not wiped";
      return status;
    }
    plaintext.insert(plaintext.end(), out.begin(), out.end());
  }
  return plaintext;
}

class StripeAead : public ::testing::TestWithParam<Suite> {};

TEST_P(StripeAead, RoundTripsAndRefusesEveryChangeCutAndSwap) {
  const Suite suite = GetParam();
  testing::SeededEntropy entropy(1);
  const SecretArray<32> key = Secret32(std::string(64, '7'));
  const StreamKeys keys = DeriveStreamKeys(key.ExposeSecret(), AsBytes("prefix"));
  constexpr std::uint32_t kSegment = 32;
  for (std::size_t bytes : {0u, 1u, 31u, 32u, 33u, 64u, 100u}) {
    Bytes plaintext(bytes);
    entropy.Fill(plaintext);
    const Bytes sealed = SealAll(suite, keys, kSegment, plaintext);
    const auto opened = OpenAll(suite, keys, kSegment, sealed);
    ASSERT_TRUE(opened.ok());
    ASSERT_EQ(*opened, plaintext);
    for (std::size_t at = 0; at < sealed.size(); ++at) {
      Bytes changed = sealed;
      changed[at] ^= 1;
      ASSERT_EQ(OpenAll(suite, keys, kSegment, changed).status(), OpenFailure());
      ASSERT_EQ(OpenAll(suite, keys, kSegment, ByteSpan(sealed).first(at)).status(), OpenFailure());
    }
    Bytes longer = sealed;
    longer.push_back(0);
    ASSERT_EQ(OpenAll(suite, keys, kSegment, longer).status(), OpenFailure());
  }
  Bytes two = SealAll(suite, keys, kSegment, Bytes(64));
  std::rotate(two.begin(), two.begin() + 48, two.end());
  EXPECT_EQ(OpenAll(suite, keys, kSegment, two).status(), OpenFailure());
  const StreamKeys other = DeriveStreamKeys(key.ExposeSecret(), AsBytes("prefiy"));
  const Bytes sealed = SealAll(suite, keys, kSegment, Bytes(5));
  EXPECT_EQ(OpenAll(suite, other, kSegment, sealed).status(), OpenFailure());
  for (Suite unlike : kAllSuites) {
    EXPECT_EQ(OpenAll(unlike, keys, kSegment, sealed).ok(), unlike == suite);
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, StripeAead, ::testing::ValuesIn(kAllSuites));

}  // namespace
}  // namespace worldb::cryptoscatter
