// A script that parses has a canonical text, which parses to the same clauses; one that compiles
// compiles again from that text, to the same id.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/script.h"

namespace {
namespace cs = worldb::cryptoscatter;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const cs::ScriptNames names = *cs::ScriptNames::Create({"virginia", "frankfurt", "tokyo"});
  const auto parsed = cs::ParseScript(worldb::AsText(worldb::ByteSpan(data, size)), names);
  if (!parsed.ok()) return 0;
  const std::string text = cs::CanonicalText(*parsed);
  WORLDB_CHECK(text.size() <= cs::kScriptTextBytesMax);
  const auto again = cs::ParseScript(text, cs::ScriptNames::Indices());
  WORLDB_CHECK(again.ok() && *again == *parsed);
  const auto script = cs::Script::Create(*parsed, names);
  if (script.ok()) WORLDB_CHECK((*cs::Script::Compile(text))->id() == (*script)->id());
  return 0;
}
