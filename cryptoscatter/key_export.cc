#include "cryptoscatter/key_export.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'W', 'D', 'K', 0x0d, 0x0a, 0x1a, 0x0a};
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kNonceBytes = 24;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kNodeBytesMin = 1 + NodeId::kBytes + 4 + 32 + 32;
constexpr std::size_t kBoxBytesMax =
    4 + kNodeCount * (kNodeBytesMin + kExportedNameBytesMax) + kTagBytes;

constexpr absl::string_view kFileHead =
    "WorlDb recovery key. It opens the key exports made for it: keep it offline.\n";
constexpr absl::string_view kPublicPrefix = "wrp1_";
constexpr absl::string_view kSecretPrefix = "wrs1_";
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kTextBytes = 36;  // key and check
constexpr std::size_t kTextDigits = kTextBytes / 3 * 4;

using Text = SecretArray<kTextDigits>;

// Base64 (URL alphabet, no padding) in constant time.
Text ToText(absl::string_view prefix, std::span<const std::uint8_t, 32> key) {
  SecretArray<kTextBytes> bytes;
  const MutableByteSpan out = bytes.ExposeSecretMutable();
  std::copy(key.begin(), key.end(), out.begin());
  SecretBytes checked(prefix.size() + key.size());
  std::copy(prefix.begin(), prefix.end(), checked.ExposeSecretMutable().begin());
  std::copy(key.begin(), key.end(),
            checked.ExposeSecretMutable().begin() + static_cast<std::ptrdiff_t>(prefix.size()));
  const Hash256 check = LabelledHash(labels::kRecoveryKeyCheck, checked.ExposeSecret());
  std::copy_n(check.bytes.begin(), kCheckBytes, out.begin() + 32);
  SecretArray<kTextDigits + 1> digits;
  sodium_bin2base64(reinterpret_cast<char*>(digits.ExposeSecretMutable().data()), digits.size(),
                    out.data(), out.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  Text text;
  std::copy_n(digits.ExposeSecret().begin(), kTextDigits, text.ExposeSecretMutable().begin());
  return text;
}

// True when `digits` is the one text of some key.
bool FromText(absl::string_view prefix, ByteSpan digits, SecretArray<32>& key) {
  if (digits.size() != kTextDigits) return false;
  SecretArray<kTextBytes> bytes;
  std::size_t size = 0;
  if (sodium_base642bin(bytes.ExposeSecretMutable().data(), bytes.size(),
                        reinterpret_cast<const char*>(digits.data()), digits.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      size != kTextBytes) {
    return false;
  }
  std::copy_n(bytes.ExposeSecret().begin(), 32, key.ExposeSecretMutable().begin());
  return EqualConstantTime(ToText(prefix, key.ExposeSecret()).ExposeSecret(), digits);
}

SecretArray<32> BoxKey(const PairwiseKey& pairwise, ByteSpan header) {
  SecretArray<32> key;
  KeyedHash(labels::kKeyExport, pairwise.root.ExposeSecret(), header, key.ExposeSecretMutable());
  return key;
}

SecretArray<32> ReadSecret(ByteReader& r) {
  SecretArray<32> secret;
  const ByteSpan view = r.View(32);
  if (r.ok()) std::copy(view.begin(), view.end(), secret.ExposeSecretMutable().begin());
  return secret;
}

}  // namespace

std::string FormatRecoveryPublicKey(const ExchangePublicKey& key) {
  return absl::StrCat(kPublicPrefix, AsText(ToText(kPublicPrefix, key.bytes).ExposeSecret()));
}

absl::StatusOr<ExchangePublicKey> ParseRecoveryPublicKey(absl::string_view text) {
  SecretArray<32> bytes;
  if (text.substr(0, kPublicPrefix.size()) != kPublicPrefix ||
      !FromText(kPublicPrefix, AsBytes(text.substr(kPublicPrefix.size())), bytes)) {
    return absl::InvalidArgumentError(
        "not the public half of a recovery key: it begins with wrp1_ and is 53 characters long");
  }
  ExchangePublicKey key;
  std::copy_n(bytes.ExposeSecret().begin(), key.bytes.size(), key.bytes.begin());
  return key;
}

SecretBytes EncodeRecoveryKeyFile(const ExchangeKeyPair& key) {
  const SecretArray<32> secret = key.PrivateKey();
  const Text text = ToText(kSecretPrefix, secret.ExposeSecret());
  ByteWriter w(kFileHead.size() + 2 * (kTextDigits + 16));
  w.Raw(AsBytes(kFileHead)).Raw(AsBytes("public "));
  w.Raw(AsBytes(FormatRecoveryPublicKey(key.public_key()))).Raw(AsBytes("\nsecret "));
  w.Raw(AsBytes(kSecretPrefix)).Raw(text.ExposeSecret()).Raw(AsBytes("\n"));
  return SecretBytes(std::move(w).Take());
}

absl::StatusOr<ExchangeKeyPair> DecodeRecoveryKeyFile(ByteSpan bytes) {
  const absl::Status refused =
      absl::InvalidArgumentError("not the file of a recovery key, or damaged");
  const std::size_t tail = kSecretPrefix.size() + kTextDigits + 1;
  if (bytes.size() < tail) return refused;
  SecretArray<32> secret;
  const ByteSpan digits = bytes.last(kTextDigits + 1).first(kTextDigits);
  if (!FromText(kSecretPrefix, digits, secret)) return refused;
  ExchangeKeyPair key = ExchangeKeyPair::FromPrivateKey(secret);
  const SecretBytes again = EncodeRecoveryKeyFile(key);
  if (again.size() != bytes.size() || !EqualConstantTime(again.ExposeSecret(), bytes))
    return refused;
  return key;
}

SecretBytes EncodeExportedNodes(const std::vector<ExportedNode>& nodes) {
  ByteWriter w(kBoxBytesMax);  // never grows: it would leave copies behind
  w.U32(static_cast<std::uint32_t>(nodes.size()));
  for (const ExportedNode& node : nodes) {
    w.U8(node.index.value()).Raw(node.id.span()).Sized(AsBytes(node.name));
    w.Raw(node.storage_key.ExposeSecret()).Raw(node.exchange_secret.ExposeSecret());
  }
  return SecretBytes(std::move(w).Take());
}

absl::StatusOr<std::vector<ExportedNode>> DecodeExportedNodes(ByteSpan bytes) {
  ByteReader r(bytes);
  const std::uint32_t count = r.Count(kNodeCount, kNodeBytesMin);
  if (count == 0) r.Fail("no node");
  std::vector<ExportedNode> nodes;
  for (std::uint32_t i = 0; i < count && r.ok(); ++i) {
    ExportedNode node;
    const std::uint8_t index = r.U8();
    if (index >= kNodeCount || (i > 0 && index <= nodes.back().index.value())) {
      r.Fail("node index out of range or out of order");
    }
    node.index = NodeIndex(index);
    node.id = NodeId{r.Array<NodeId::kBytes>()};
    node.name = ToString(r.Sized(kExportedNameBytesMax));
    node.storage_key = ReadSecret(r);
    node.exchange_secret = ReadSecret(r);
    nodes.push_back(std::move(node));
  }
  WORLDB_RETURN_IF_ERROR(r.Finish("key export"));
  return nodes;
}

absl::StatusOr<Bytes> SealKeyExport(const KeyExport& keys, const ExchangePublicKey& recovery_key,
                                    Entropy& entropy) {
  WORLDB_CHECK(!keys.nodes.empty() && keys.nodes.size() <= kNodeCount);
  for (std::size_t i = 0; i < keys.nodes.size(); ++i) {
    WORLDB_CHECK(keys.nodes[i].name.size() <= kExportedNameBytesMax);
    WORLDB_CHECK(i == 0 || keys.nodes[i - 1].index < keys.nodes[i].index);
  }
  const ExchangeKeyPair ephemeral = ExchangeKeyPair::Generate(entropy);
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKey pairwise, ephemeral.PairwiseKeyAsSealer(recovery_key));
  ByteWriter w;
  w.Raw(kMagic).U16(kFormat).Raw(keys.cell.span()).Raw(recovery_key.span());
  w.Raw(ephemeral.public_key().span()).Raw(entropy.Draw<kNonceBytes>());
  const Bytes header = ToBytes(w.span());
  const ByteSpan nonce = ByteSpan(header).last(kNonceBytes);
  const SecretBytes plaintext = EncodeExportedNodes(keys.nodes);
  const SecretArray<32> key = BoxKey(pairwise, header);
  Bytes box(plaintext.size() + kTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(box.data(), nullptr, plaintext.ExposeSecret().data(),
                                             plaintext.size(), header.data(), header.size(),
                                             nullptr, nonce.data(), key.ExposeSecret().data());
  w.Sized(box);
  return std::move(w).Take();
}

absl::StatusOr<KeyExport> OpenKeyExport(ByteSpan bytes, const ExchangeKeyPair& recovery_key) {
  ByteReader r(bytes);
  if (r.Array<kMagic.size()>() != kMagic) r.Fail("not a key export");
  if (r.U16() != kFormat) r.Fail("unknown format");
  KeyExport keys;
  keys.cell = CellId{r.Array<CellId::kBytes>()};
  const ExchangePublicKey receiver{r.Array<32>()};
  const ExchangePublicKey ephemeral{r.Array<32>()};
  const ByteSpan nonce = r.View(kNonceBytes);
  const std::size_t header_bytes = bytes.size() - r.remaining();
  const ByteSpan box = r.Sized(kBoxBytesMax);
  if (r.ok() && box.size() < kTagBytes) r.Fail("box too short");
  WORLDB_RETURN_IF_ERROR(r.Finish("key export"));
  if (receiver != recovery_key.public_key()) {
    return absl::FailedPreconditionError(absl::StrCat("this export was made for the recovery key ",
                                                      FormatRecoveryPublicKey(receiver)));
  }
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKey pairwise, recovery_key.PairwiseKeyAsOpener(ephemeral));
  const ByteSpan header = bytes.first(header_bytes);
  const SecretArray<32> key = BoxKey(pairwise, header);
  SecretBytes plaintext(box.size() - kTagBytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plaintext.ExposeSecretMutable().data(), nullptr, nullptr, box.data(), box.size(),
          header.data(), header.size(), nonce.data(), key.ExposeSecret().data()) != 0) {
    return OpenFailure();
  }
  WORLDB_ASSIGN_OR_RETURN(keys.nodes, DecodeExportedNodes(plaintext.ExposeSecret()));
  return keys;
}

}  // namespace worldb::cryptoscatter
