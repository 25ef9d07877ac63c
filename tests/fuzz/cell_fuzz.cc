// A cell's directory file that decodes encodes to the same bytes; so does a script's row, read as the
// same input.
#include "cryptoscatter/base/check.h"
#include "engine/cell/cell.h"
#include "engine/shares/share_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const worldb::ByteSpan bytes(data, size);
  const auto cell = worldb::engine::Cell::Decode(bytes);
  if (cell.ok()) {
    const auto again = (*cell)->Encode();
    WORLDB_CHECK(worldb::HexEncode(again.ExposeSecret()) == worldb::HexEncode(bytes));
  }
  // Under the key its text would have.
  const auto script =
      worldb::cryptoscatter::Script::Compile(worldb::AsText(size == 0 ? bytes : bytes.subspan(1)));
  if (script.ok()) {
    const std::string key = worldb::engine::ScriptRow::Key((*script)->id());
    const auto row = worldb::engine::ScriptRow::Decode(key, bytes);
    if (row.ok()) {
      const worldb::Bytes again = worldb::engine::ScriptRow::Encode(**row);
      WORLDB_CHECK(worldb::HexEncode(again) == worldb::HexEncode(bytes));
    }
  }
  return 0;
}
