// Which version of a key is likely the newest that this node holds a share of, by what it was handed, asked
// for, and found on its disk.
//
// A guess that saves a scan: whoever uses it looks at the row, and scans when there is none. One that is too
// old makes a reader ask again, by version, which raises it.
// Bounds:  kKeysMax keys; those used longest ago are forgotten, half of them at a time.
// Threads: its owner's.
#ifndef WORLDB_ENGINE_SHARES_NEWEST_HINTS_H_
#define WORLDB_ENGINE_SHARES_NEWEST_HINTS_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

class NewestHints {
 public:
  static constexpr std::size_t kKeysMax = std::size_t{1} << 16;

  std::optional<VersionRef> Find(const KeyTag& key_tag) {
    const Place* place = Recent(key_tag);
    if (place == nullptr) return std::nullopt;
    return VersionRef{key_tag, place->first, place->second};
  }
  // It is on the disk, or about to be.
  void Note(const VersionRef& version) {
    const Place* place = Recent(version.key_tag);
    const Place told{version.slot_epoch, version.version};
    Put(version.key_tag, place == nullptr ? told : std::max(*place, told));
  }
  // Somebody knows of it. Of a key without a hint that says nothing: it may be an old one.
  void Raise(const VersionRef& version) {
    if (Recent(version.key_tag) != nullptr) Note(version);
  }
  // It is the newest on the disk, where `tried` was not; what was noted since then stands.
  void Replace(const VersionRef& tried, const VersionRef& version) {
    const Place* place = Recent(version.key_tag);
    if (place != nullptr && *place != Place{tried.slot_epoch, tried.version}) return;
    Put(version.key_tag, {version.slot_epoch, version.version});
  }

 private:
  using Place = std::pair<SlotEpoch, Version>;
  using Places = absl::flat_hash_map<KeyTag, Place>;

  // Null when it is not known.
  const Place* Recent(const KeyTag& key_tag) {
    if (const auto it = recent_.find(key_tag); it != recent_.end()) return &it->second;
    const auto it = older_.find(key_tag);
    if (it == older_.end()) return nullptr;
    const Place place = it->second;
    Put(key_tag, place);
    return &recent_.find(key_tag)->second;
  }
  void Put(const KeyTag& key_tag, Place place) {
    if (recent_.size() >= kKeysMax / 2) older_ = std::exchange(recent_, {});
    recent_[key_tag] = place;
  }

  Places recent_;
  Places older_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_NEWEST_HINTS_H_
