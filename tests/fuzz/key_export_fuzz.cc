// Whatever claims to be a key export, the nodes in one, or a recovery key: what decodes encodes to the
// same bytes.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/key_export.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;                 // NOLINT: nothing else lives here
  using namespace worldb::cryptoscatter;  // NOLINT
  const ByteSpan bytes(data, size);
  SecretArray<32> secret;
  secret.ExposeSecretMutable()[0] = 1;
  static const ExchangeKeyPair recovery_key = ExchangeKeyPair::FromPrivateKey(secret);
  // Its author would have to know a key of ours to get through.
  (void)OpenKeyExport(bytes, recovery_key);
  const auto nodes = DecodeExportedNodes(bytes);
  if (nodes.ok()) {
    WORLDB_CHECK(HexEncode(EncodeExportedNodes(*nodes).ExposeSecret()) == HexEncode(bytes));
  }
  const auto key = DecodeRecoveryKeyFile(bytes);
  if (key.ok()) {
    WORLDB_CHECK(HexEncode(EncodeRecoveryKeyFile(*key).ExposeSecret()) == HexEncode(bytes));
  }
  const auto text = ParseRecoveryPublicKey(AsText(bytes));
  if (text.ok()) WORLDB_CHECK(FormatRecoveryPublicKey(*text) == AsText(bytes));
  return 0;
}
