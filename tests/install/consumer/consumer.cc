// Ten lines against an installed WorlDb: prints the default script and what it promises.
#include <cstdio>

#include "cryptoscatter/script.h"

int main() {
  const auto script = worldb::cryptoscatter::Script::Nested();
  std::printf("%s\n", script->text().c_str());
  const worldb::NodeSet nobody;
  return script->CanRead(nobody) || script->CanRebuild(nobody) ? 1 : 0;
}
