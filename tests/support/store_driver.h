// A store's calls as tests make them: each awaited, values as text.
#ifndef WORLDB_TESTS_SUPPORT_STORE_DRIVER_H_
#define WORLDB_TESTS_SUPPORT_STORE_DRIVER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/ports/store.h"
#include "tests/support/test_world.h"

namespace worldb::testing {

inline SharedBytes Value(absl::string_view text) {
  return std::make_shared<const Bytes>(ToBytes(AsBytes(text)));
}

// A store's calls, each awaited.
class StoreDriver {
 public:
  StoreDriver(TestWorld& world, engine::Store& store) : world_(world), store_(store) {}

  absl::Status Commit(std::vector<engine::StoreWrite> writes, bool sync = true) {
    return world_.Await<absl::Status>(
        [&](auto done) { store_.Commit(std::move(writes), sync, std::move(done)); });
  }
  absl::Status Put(engine::RowFamily family, std::string key, absl::string_view value) {
    return Commit({engine::StoreWrite::Put(family, std::move(key), Value(value))});
  }
  absl::Status Delete(engine::RowFamily family, std::string key) {
    return Commit({engine::StoreWrite::Delete(family, std::move(key))});
  }
  absl::StatusOr<std::string> Get(engine::RowFamily family, std::string key) {
    auto value = world_.Await<absl::StatusOr<Bytes>>(
        [&](auto done) { store_.Get(family, std::move(key), std::move(done)); });
    if (!value.ok()) return value.status();
    return std::string(AsText(*value));
  }
  // "key=value" of each row.
  absl::StatusOr<std::vector<std::string>> Scan(engine::RowFamily family, std::string begin,
                                                std::string end, std::size_t count_max) {
    auto rows = world_.Await<absl::StatusOr<std::vector<engine::StoreRow>>>([&](auto done) {
      store_.Scan(family, std::move(begin), std::move(end), count_max, std::move(done));
    });
    if (!rows.ok()) return rows.status();
    std::vector<std::string> texts;
    for (const auto& row : *rows) texts.push_back(absl::StrCat(row.key, "=", AsText(row.value)));
    return texts;
  }

 private:
  TestWorld& world_;
  engine::Store& store_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_STORE_DRIVER_H_
