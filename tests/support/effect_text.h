// Effects of a home's state machine as bytes, to compare them, and as text, to read them.
//
// Threads: pure functions.
#ifndef WORLDB_TESTS_SUPPORT_EFFECT_TEXT_H_
#define WORLDB_TESTS_SUPPORT_EFFECT_TEXT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::testing {

// What a reader calls the ids; an id without a name is shown in hexadecimal.
struct EffectNames {
  std::map<OpId, std::string> ops;
  std::map<KeyTag, std::string> keys;
  std::map<CommitmentId, std::string> payloads;
  absl::Time zero = absl::UnixEpoch();  // times are shown relative to it
};

// Every field, nothing else: equal bytes mean equal effects.
Bytes EncodeEffect(const arbiter::Effect& effect);
Bytes EncodeEffects(const std::vector<arbiter::Effect>& effects);

absl::string_view RefusalName(arbiter::Refusal refusal);
// One line, no line end.
std::string FormatEffect(const arbiter::Effect& effect, const EffectNames& names);

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_EFFECT_TEXT_H_
