#include "cryptoscatter/suite.h"

#include <openssl/evp.h>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter {
namespace {

// Looked up once: a look-up by name costs more than a leaf.
const EVP_MD* Sha256Method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  WORLDB_CHECK(method != nullptr);
  return method;
}

}  // namespace

absl::Status CheckSuite(Suite suite) {
  switch (suite) {
    case Suite::kXChaCha20Blake2b:
    case Suite::kAes256GcmSha256:
      return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown suite ", static_cast<std::uint16_t>(suite)));
}

absl::string_view NameOf(Suite suite) {
  switch (suite) {
    case Suite::kXChaCha20Blake2b:
      return "XChaCha20-Poly1305, BLAKE2b";
    case Suite::kAes256GcmSha256:
      return "AES-256-GCM, SHA-256";
  }
  WORLDB_CHECK(false);
}

struct TreeHash::Sha256 {
  Sha256() : context(EVP_MD_CTX_new()) {
    WORLDB_CHECK(context != nullptr && EVP_DigestInit_ex2(context, Sha256Method(), nullptr) == 1);
  }
  ~Sha256() { EVP_MD_CTX_free(context); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Hash256 Of(const HashLabel& label, ByteSpan data) {
    Hash256 out;
    WORLDB_CHECK(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1 &&
                 EVP_DigestUpdate(context, data.data(), data.size()) == 1 &&
                 EVP_DigestUpdate(context, label.bytes().data(), label.bytes().size()) == 1 &&
                 EVP_DigestFinal_ex(context, out.bytes.data(), nullptr) == 1);
    return out;
  }

  EVP_MD_CTX* context;
};

TreeHash::TreeHash(Suite suite) : suite_(suite) {
  switch (suite) {
    case Suite::kXChaCha20Blake2b:
      return;
    case Suite::kAes256GcmSha256:
      sha256_ = std::make_unique<Sha256>();
      return;
  }
  WORLDB_CHECK(false);
}

TreeHash::~TreeHash() = default;
TreeHash::TreeHash(TreeHash&&) noexcept = default;
TreeHash& TreeHash::operator=(TreeHash&&) noexcept = default;

Hash256 TreeHash::Of(const HashLabel& label, ByteSpan data) {
  switch (suite_) {
    case Suite::kXChaCha20Blake2b:
      return LabelledHash(label, data);
    case Suite::kAes256GcmSha256:
      WORLDB_CHECK(sha256_ != nullptr);  // a moved-from one
      return sha256_->Of(label, data);
  }
  WORLDB_CHECK(false);
}

}  // namespace worldb::cryptoscatter
