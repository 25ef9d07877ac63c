// Where a listing, a history or a watch goes on: bytes a caller keeps and hands back unread.
//
// A token is authenticated under the cell's ticket key, for one use and one binding (the key or prefix
// it was made for), so nobody can make one up or take it elsewhere.
// Errors:  InvalidArgument for anything but a token of this cell, use and binding.
// Threads: pure functions.
#ifndef WORLDB_ENGINE_CELL_OPAQUE_TOKEN_H_
#define WORLDB_ENGINE_CELL_OPAQUE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/hash.h"
#include "engine/cell/cell.h"

namespace worldb::engine {

inline constexpr HashLabel kListTokenLabel{"worldb.list.1"};
inline constexpr HashLabel kHistoryTokenLabel{"worldb.history.1"};
inline constexpr HashLabel kWatchTokenLabel{"worldb.watch.1"};

// Printable.
std::string MakeOpaqueToken(const HashLabel& use, const Cell& cell, ByteSpan binding,
                            ByteSpan place);
// The place.
absl::StatusOr<Bytes> OpenOpaqueToken(const HashLabel& use, const Cell& cell, ByteSpan binding,
                                      absl::string_view token);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_OPAQUE_TOKEN_H_
