// Goal:   the primitives are the published ones, as we use them.
// Method: vectors of RFC 7693, 7748, 8032 and draft-irtf-cfrg-xchacha; for our labels (BLAKE2b's
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
  EXPECT_EQ(HexEncode(as_sealer->ExposeSecret()),
            "72670859b959f74ed6420ac0a3724764e4e1aec5217bf94720c017ea914f6cca");
  EXPECT_TRUE(EqualConstantTime(as_sealer->ExposeSecret(), as_opener->ExposeSecret()));
  // The other direction is another key.
  const auto back = bob.PairwiseKeyAsSealer(alice.public_key());
  EXPECT_FALSE(EqualConstantTime(as_sealer->ExposeSecret(), back->ExposeSecret()));
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
