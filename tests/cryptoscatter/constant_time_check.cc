// Goal:   no branch and no index anywhere in split, combine, sealing, opening, signing and the comparison
//         of commitments follows a secret.
// Method: under valgrind's memcheck, which tracks for every bit whether it is defined: secrets are
//         declared undefined, and each branch or address that depends on one is an error. What is
//         public by design is declared defined again, each time at the place that makes it public:
//         the outcome of a comparison, a ciphertext, a hash. The controls leak on purpose and must be
//         caught, or the check has gone blind. Valgrind shows programs a processor without AVX-512,
//         so what is checked are the portable and AVX2 forms of libsodium and ISA-L.
//
// Run as: valgrind --suppressions=constant_time.supp constant_time_check
#include <openssl/evp.h>
#include <valgrind/memcheck.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/at_rest.h"
#include "cryptoscatter/gf256.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/key_share_boxes.h"
#include "tests/support/scatter_cell.h"
#include "tests/support/several_rows_script.h"

// The linker sends the library's calls here (--wrap): what they tell is public from here on.
extern "C" {
bool __real__ZN6worldb17EqualConstantTimeESt4spanIKhLm18446744073709551615EES2_(worldb::ByteSpan,
                                                                                worldb::ByteSpan);
bool __wrap__ZN6worldb17EqualConstantTimeESt4spanIKhLm18446744073709551615EES2_(
    worldb::ByteSpan a, worldb::ByteSpan b) {
  bool equal = __real__ZN6worldb17EqualConstantTimeESt4spanIKhLm18446744073709551615EES2_(a, b);
  VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof(equal));
  return equal;
}
int __real_crypto_aead_xchacha20poly1305_ietf_decrypt(unsigned char*, unsigned long long*,
                                                      unsigned char*, const unsigned char*,
                                                      unsigned long long, const unsigned char*,
                                                      unsigned long long, const unsigned char*,
                                                      const unsigned char*);
int __wrap_crypto_aead_xchacha20poly1305_ietf_decrypt(
    unsigned char* out, unsigned long long* out_bytes, unsigned char* none,
    const unsigned char* sealed, unsigned long long sealed_bytes, const unsigned char* data,
    unsigned long long data_bytes, const unsigned char* nonce, const unsigned char* key) {
  int refused = __real_crypto_aead_xchacha20poly1305_ietf_decrypt(
      out, out_bytes, none, sealed, sealed_bytes, data, data_bytes, nonce, key);
  VALGRIND_MAKE_MEM_DEFINED(&refused, sizeof(refused));
  return refused;
}
int __real_EVP_CipherFinal_ex(EVP_CIPHER_CTX*, unsigned char*, int*);
int __wrap_EVP_CipherFinal_ex(EVP_CIPHER_CTX* context, unsigned char* out, int* bytes) {
  int good = __real_EVP_CipherFinal_ex(context, out, bytes);
  VALGRIND_MAKE_MEM_DEFINED(&good, sizeof(good));
  return good;
}
int __real_crypto_scalarmult(unsigned char*, const unsigned char*, const unsigned char*);
int __wrap_crypto_scalarmult(unsigned char* out, const unsigned char* scalar,
                             const unsigned char* point) {
  int refused = __real_crypto_scalarmult(out, scalar, point);  // of a point that is public
  VALGRIND_MAKE_MEM_DEFINED(&refused, sizeof(refused));
  return refused;
}
}

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;

void Hide(ByteSpan secret) { VALGRIND_MAKE_MEM_UNDEFINED(secret.data(), secret.size()); }
void Publish(ByteSpan value) { VALGRIND_MAKE_MEM_DEFINED(value.data(), value.size()); }
// What was sealed, with its ciphertext public.
KeyShareBox Published(const KeyShareBox& box) {
  ByteWriter out;
  box.AppendTo(out);
  Publish(out.span());
  ByteReader in(out.span());
  return KeyShareBox::ReadFrom(in);
}
// Whether the first bytes are undefined in all their bits: that the marks went all the way through.
bool IsHidden(ByteSpan value) {
  std::array<std::uint8_t, 16> undefined{};
  WORLDB_CHECK(VALGRIND_GET_VBITS(value.data(), undefined.data(), undefined.size()) == 1);
  return std::all_of(undefined.begin(), undefined.end(), [](std::uint8_t v) { return v == 0xff; });
}

template <std::size_t N>
SecretArray<N> Hidden(Entropy& entropy) {
  SecretArray<N> secret;
  entropy.Fill(secret.ExposeSecretMutable());
  Hide(secret.ExposeSecret());
  return secret;
}

KeyShare HiddenShare(int rows, Entropy& entropy) {
  KeyShare share(rows);
  entropy.Fill(share.ExposeSecretMutable());
  Hide(share.ExposeSecret());
  return share;
}

// Draws that are secrets.
class HiddenEntropy final : public Entropy {
 public:
  void Fill(MutableByteSpan out) override {
    source_.Fill(out);
    Hide(out);
  }

 private:
  testing::SeededEntropy source_{5};
};

class Checks {
 public:
  // Runs `body`; its branches on secrets must be none, or for a control at least one.
  template <typename Body>
  void Run(const char* name, bool is_control, Body body) {
    const auto before = VALGRIND_COUNT_ERRORS;
    body();
    const auto errors = VALGRIND_COUNT_ERRORS - before;
    const bool good = is_control ? errors > 0 : errors == 0;
    std::printf("%-44s %4u %s\n", name, static_cast<unsigned>(errors),
                good ? (is_control ? "caught, as it must be" : "ok") : "WRONG");
    failed_ = failed_ || !good;
  }
  int exit_code() const { return failed_ ? 1 : 0; }

 private:
  bool failed_ = false;
};

volatile std::uint8_t sink;
const std::array<std::uint8_t, 256> table = [] {
  std::array<std::uint8_t, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 7);
  return out;
}();

void CheckSharing(Checks& checks, const char* name, const Script& script, Entropy& entropy) {
  const KeySharing& sharing = script.key_sharing();
  std::printf("-- %s\n", name);
  checks.Run("split", false, [&] {
    HiddenEntropy hidden;
    const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
    const KeyShares shares = sharing.Split(secret, hidden);
    for (const KeyShare& share : shares) {
      for (int r = 0; r < share.rows(); ++r) WORLDB_CHECK(IsHidden(share.ExposeRow(r)));
    }
  });
  checks.Run("combine, every reading set", false, [&] {
    for (std::uint32_t bits = 1; bits < NodeSet::kSubsetCount; ++bits) {
      if (!sharing.CanRead(NodeSet::FromBits(bits))) continue;
      std::vector<IndexedKeyShare> shares;
      for (int j = 0; j < kNodeCount; ++j) {
        if (NodeSet::FromBits(bits).Has(j)) {
          shares.push_back({NodeAt(j), HiddenShare(sharing.RowCount(NodeAt(j)), entropy)});
        }
      }
      const auto secret = sharing.Combine(shares);
      WORLDB_CHECK(secret.ok() && IsHidden(secret->ExposeSecret()));
    }
  });
}

int RunAll() {
  Checks checks;
  testing::SeededEntropy entropy(3);
  ScatterCell cell(7);
  const Bytes prefix(Core::kPrefixBytes, 0x21);
  CoreId core;
  core.bytes.fill(9);
  const NodeId receiver = cell.node(4);

  CheckSharing(checks, "nested", *Script::Nested(), entropy);
  CheckSharing(checks, "flat", *Script::Flat(), entropy);
  CheckSharing(checks, "several rows", *testing::SeveralRowsScript(), entropy);

  std::printf("-- keys\n");
  checks.Run("weigh and add key shares, every factor", false, [&] {
    const KeyShare share = HiddenShare(3, entropy);
    KeyShare sum = HiddenShare(2, entropy);
    for (int factor = 0; factor < 256; ++factor) {
      gf256::Matrix factors(2, 3);
      for (int cell = 0; cell < 6; ++cell) {
        factors.at(cell / 3, cell % 3) = static_cast<std::uint8_t>(factor + 41 * cell);
      }
      AddTo(sum, Weigh(factors, share));
    }
    WORLDB_CHECK(IsHidden(sum.ExposeRow(0)) && IsHidden(sum.ExposeRow(1)));
  });
  checks.Run("key share repaired by contributions", false, [&] {
    const KeySharing sharing(testing::SeveralRowsScript()->clauses().key);
    const NodeSet helpers = KeyHelperSets(sharing, NodeAt(0), NodeSet::All()).front();
    const KeyRepair repair{CommitmentId(), 0, NodeAt(0), helpers};
    const PairwiseKey mask_key = PairwiseKey::FromRoot(Hidden<32>(entropy));
    MaskKeys mask_keys;
    mask_keys.fill(&mask_key);
    std::vector<IndexedKeyShare> contributions;
    for (int j = 0; j < kNodeCount; ++j) {
      if (!helpers.Has(j)) continue;
      const KeyShare share = HiddenShare(sharing.RowCount(NodeAt(j)), entropy);
      contributions.push_back(
          {NodeAt(j), *MakeContribution(sharing, repair, NodeAt(j), share, mask_keys)});
    }
    const auto joined = JoinContributions(sharing, repair, contributions);
    WORLDB_CHECK(joined.ok() && joined->rows() == 3 && IsHidden(joined->ExposeSecret()));
  });
  checks.Run("key commitment, right and wrong", false, [&] {
    const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
    const DataKeySpan data_key = secret.ExposeSecret().first<kDataKeyBytes>();
    Hash256 known = KeyCommitment(data_key, prefix);
    Publish(known.bytes);
    WORLDB_CHECK(EqualConstantTime(KeyCommitment(data_key, prefix).bytes, known.bytes));
    known.bytes[0] ^= 1;
    WORLDB_CHECK(!EqualConstantTime(KeyCommitment(data_key, prefix).bytes, known.bytes));
  });
  checks.Run("key-share hash in a share's verdict", false, [&] {
    testing::ScatteredValue value = cell.Scatter(AsBytes("k"), AsBytes("v"));
    BatchVerifier verifier;
    Hide(value.key_shares[4].ExposeSecret());
    WORLDB_CHECK(
        VerifyShare(value.shares[4], cell.cell(), verifier, &value.key_shares[4]).key_share_ok);
    WORLDB_CHECK(
        !VerifyShare(value.shares[3], cell.cell(), verifier, &value.key_shares[4]).key_share_ok);
  });
  checks.Run("key share sealed, opened, wrapped, unwrapped", false, [&] {
    const PairwiseKey pairwise = PairwiseKey::FromRoot(Hidden<32>(entropy));
    const StorageKey storage_key = Hidden<32>(entropy);
    for (int rows = 0; rows <= kKeyRowsMax; ++rows) {
      const KeyShare share = HiddenShare(rows, entropy);
      KeyShareRef ref{core, NodeAt(4), KeyShareHash(core, NodeAt(4), share)};
      Publish(ref.hash.bytes);
      const SealedKeyShare sealed = Published(SealKeyShare(pairwise, ref, receiver, share));
      const auto opened = OpenKeyShare(pairwise, ref, receiver, sealed);
      WORLDB_CHECK(opened.ok() && (rows == 0 || IsHidden(opened->ExposeSecret())));
      const KeySharePlace place{core, 0, NodeAt(4), receiver, ref.hash};
      const StoredKeyShare stored = Published(WrapKeyShare(storage_key, place, *opened));
      WORLDB_CHECK(UnwrapKeyShare(storage_key, place, stored).ok());
      WORLDB_CHECK(!UnwrapKeyShare(storage_key, place, testing::Flipped(stored, 3)).ok());
    }
  });
  checks.Run("sealed and opened at rest", false, [&] {
    const SecretArray<32> storage_key = Hidden<32>(entropy);
    Bytes plaintext(100, 1);
    Hide(plaintext);
    const Bytes sealed = SealAtRest(storage_key, prefix, plaintext, entropy);
    Publish(sealed);
    WORLDB_CHECK(OpenAtRest(storage_key, prefix, sealed).ok());
  });
  for (const Suite suite : {Suite::kXChaCha20Blake2b, Suite::kAes256GcmSha256}) {
    const std::string name =
        absl::StrCat("segment sealed, opened, refused, suite ", static_cast<int>(suite));
    checks.Run(name.c_str(), false, [&] {
      const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
      const StreamKeys keys =
          DeriveStreamKeys(secret.ExposeSecret().first<kDataKeyBytes>(), prefix);
      Bytes plaintext(60'000, 1);
      Hide(plaintext);
      Bytes sealed(plaintext.size() + kSegmentTagBytes);
      SegmentSealer(suite, keys).Seal(0, /*last=*/true, plaintext, sealed);
      Publish(sealed);
      Bytes opened(plaintext.size());
      WORLDB_CHECK(SegmentOpener(suite, keys).Open(0, /*last=*/true, sealed, opened).ok());
      WORLDB_CHECK(IsHidden(opened));
      sealed[9] ^= 1;
      WORLDB_CHECK(!SegmentOpener(suite, keys).Open(0, /*last=*/true, sealed, opened).ok());
    });
  }
  checks.Run("pairwise key", false, [&] {
    const ExchangeKeyPair pair = ExchangeKeyPair::FromPrivateKey(Hidden<32>(entropy));
    const auto key = pair.PairwiseKeyAsSealer(cell.exchange(2).public_key());
    WORLDB_CHECK(key.ok() && IsHidden(key->root.ExposeSecret()) &&
                 IsHidden(key->share_seal.ExposeSecret()));
  });
  checks.Run("signature", false, [&] {
    const SigningKeyPair pair = SigningKeyPair::FromSeed(Hidden<32>(entropy));
    pair.Sign(prefix);
  });
  for (const Suite suite : {Suite::kXChaCha20Blake2b, Suite::kAes256GcmSha256}) {
    const std::string name =
        absl::StrCat("whole seal, all of it secret, suite ", static_cast<int>(suite));
    checks.Run(name.c_str(), false, [&] {
      HiddenEntropy hidden;
      Bytes value(4096, 7);
      Hide(value);
      const SealRequest request{cell.cell(), KeyTag(),          OpId(), AsBytes("k"),
                                value,       ValueKind::kValue, suite};
      WORLDB_CHECK(Seal(cell.script(), request, cell.session(), hidden).ok());
    });
  }

  std::printf("-- controls: these leak\n");
  checks.Run("branch on a key byte", true, [&] {
    const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
    if (secret.ExposeSecret()[5] > 127) sink = 1;
  });
  checks.Run("table look-up with a key byte", true, [&] {
    const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
    sink = table[secret.ExposeSecret()[5]];
  });
  checks.Run("combine by the public field's tables", true, [&] {
    const KeyShare share = HiddenShare(1, entropy);
    for (const std::uint8_t byte : share.ExposeSecret()) sink = gf256::Multiply(byte, 29);
  });
  checks.Run("comparison that ends at the first difference", true, [&] {
    const KeySecret secret = Hidden<kKeyRowBytes>(entropy);
    const Bytes other(kKeyRowBytes);
    sink = std::equal(other.begin(), other.end(), secret.ExposeSecret().begin()) ? 1 : 0;
  });
  return checks.exit_code();
}

}  // namespace
}  // namespace worldb::cryptoscatter

int main() {
  if (!RUNNING_ON_VALGRIND) {
    std::fprintf(stderr, "constant_time_check: run it under valgrind (memcheck)\n");
    return 2;
  }
  return worldb::cryptoscatter::RunAll();
}
