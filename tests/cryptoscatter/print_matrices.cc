// Prints what the compiler makes of the shipped scripts and of 200 random ones, one JSON object a
// line, for second_compiler.py to compare.
#include <cstdio>
#include <string>

#include "cryptoscatter/script.h"
#include "tests/support/random_script.h"

namespace {

std::string Escaped(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return out;
}

void Print(const worldb::cryptoscatter::Script& script) {
  std::string reads;
  std::string rebuilds;
  for (std::uint32_t bits = 0; bits < worldb::NodeSet::kSubsetCount; ++bits) {
    const auto set = worldb::NodeSet::FromBits(bits);
    reads += script.CanRead(set) ? '1' : '0';
    rebuilds += script.CanRebuild(set) ? '1' : '0';
  }
  std::string rows;
  for (int node = 0; node < worldb::kNodeCount; ++node) {
    rows += (node == 0 ? "" : ", ") +
            std::to_string(script.key_sharing().RowCount(worldb::NodeAt(node)));
  }
  std::printf(R"({"text": "%s", "id": "%s", "generator": "%s", "rows": [%s], "key_matrix": "%s", )"
              R"("reads": "%s", "rebuilds": "%s"})"
              "\n",
              Escaped(script.text()).c_str(), script.id().Hex().c_str(),
              worldb::HexEncode(script.code().generator().cells()).c_str(), rows.c_str(),
              worldb::HexEncode(script.key_sharing().matrix().cells()).c_str(), reads.c_str(),
              rebuilds.c_str());
}

}  // namespace

int main() {
  using worldb::cryptoscatter::Script;
  for (const auto& script : {Script::Nested(), Script::Flat(), Script::Copy()}) Print(*script);
  worldb::testing::RandomScripts random(2028);
  for (int i = 0; i < 200; ++i) Print(*random.Next());
}
