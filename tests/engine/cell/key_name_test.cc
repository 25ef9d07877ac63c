// Goal:   every door refuses the same names, in the words its caller knows.
// Method: names at and beyond each limit; code, reason, field and words.
#include "engine/cell/key_name.h"

#include <gtest/gtest.h>

#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"

namespace worldb::engine {
namespace {

const Bytes kLongest(cryptoscatter::kKeyNameBytesMax, 'k');
const Bytes kTooLong(cryptoscatter::kKeyNameBytesMax + 1, 'k');

void ExpectBadKey(const absl::Status& status, const char* field, const char* words) {
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReasonOf(status), reason::kBadKey);
  EXPECT_EQ(DetailsOf(status), (ErrorDetails{{"field", field}}));
  EXPECT_EQ(status.message(), words);
}

TEST(KeyName, HasOneByteToTheMost) {
  EXPECT_TRUE(CheckKeyName(Bytes{0}).ok());
  EXPECT_TRUE(CheckKeyName(kLongest).ok());
  ExpectBadKey(CheckKeyName({}), "key", "the key has 0 bytes; 1 to 1024 are allowed");
  ExpectBadKey(CheckKeyName(kTooLong), "key", "the key has 1025 bytes; 1 to 1024 are allowed");
}

TEST(KeyName, APrefixMayBeEmpty) {
  EXPECT_TRUE(CheckKeyPrefix({}).ok());
  EXPECT_TRUE(CheckKeyPrefix(kLongest).ok());
  ExpectBadKey(CheckKeyPrefix(kTooLong), "prefix",
               "the prefix has 1025 bytes; at most 1024 are allowed");
}

TEST(KeyName, OneFieldMayHoldEither) {
  EXPECT_TRUE(CheckKeyOrPrefix({}, /*is_prefix=*/true).ok());
  EXPECT_TRUE(CheckKeyOrPrefix(kLongest, /*is_prefix=*/false).ok());
  ExpectBadKey(CheckKeyOrPrefix({}, /*is_prefix=*/false), "key",
               "the key or prefix has 0 bytes; 1 to 1024 are allowed");
  ExpectBadKey(CheckKeyOrPrefix(kTooLong, /*is_prefix=*/true), "key",
               "the key or prefix has 1025 bytes; 0 to 1024 are allowed");
}

}  // namespace
}  // namespace worldb::engine
