#!/usr/bin/env python3
"""Goal: walls.py reports each kind of breach, and nothing in a clean tree.

Method: a small clean tree in a temporary directory; each case adds one file and expects one line.
"""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import walls  # noqa: E402


def header(name, *includes):
    guard = "WORLDB_" + name.upper().replace("/", "_").replace(".", "_") + "_"
    return "\n".join([f"#ifndef {guard}", f"#define {guard}", *(f"#include {i}" for i in includes),
                      f"#endif  // {guard}", ""])


CLEAN = {
    "cryptoscatter/base/ids.h": header("cryptoscatter/base/ids.h", "<cstdint>"),
    "cryptoscatter/seal.h": header("cryptoscatter/seal.h", '"cryptoscatter/base/ids.h"'),
    "cryptoscatter/seal.cc": '#include "cryptoscatter/seal.h"\n#include <sodium.h>\n',
    "arbiter/round.h": header("arbiter/round.h", '"absl/time/time.h"', '"cryptoscatter/base/ids.h"'),
    "engine/ports/store.h": header("engine/ports/store.h", '"arbiter/round.h"', '"cryptoscatter/seal.h"'),
    "engine/rocks/store.cc": "#include <rocksdb/db.h>\n",
    "transport/wire.cc": '#include "transport/wire.pb.h"\n#include "engine/ports/store.h"\n',
    "tools/command_line.cc": "#include <CLI/CLI.hpp>\n",
    "tools/main.cc": "#include <grpcpp/grpcpp.h>\n",
    "tests/engine/ports/store_test.cc": '#include "engine/ports/store.h"\n#include <gtest/gtest.h>\n',
}


class WallsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        for name, text in CLEAN.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def expect(self, name, text, rule):
        self.write(name, text)
        found = walls.breaches(self.root)
        self.assertTrue(found, f"no breach found for {rule}")
        for line in found:
            self.assertIn(f": {rule}: ", line)
        self.assertTrue(any(line.startswith(name + ":") for line in found), found)

    def test_clean_tree(self):
        self.assertEqual(walls.breaches(self.root), [])

    def test_arrows_never_turn_back(self):
        self.expect("arbiter/a.cc", '#include "engine/ports/store.h"\n', "arrow")

    def test_arbiter_knows_base_alone(self):
        self.expect("arbiter/a.cc", '#include "cryptoscatter/seal.h"\n', "arrow")

    def test_base_knows_itself_alone(self):
        self.expect("cryptoscatter/base/a.cc", '#include "cryptoscatter/seal.h"\n', "arrow")

    def test_product_knows_no_tests(self):
        self.write("tests/support/fake.h", header("tests/support/fake.h"))
        self.expect("engine/node/a.cc", '#include "tests/support/fake.h"\n', "arrow")

    def expect_map(self, house, rooms):
        """Plants an include from every room of a folder into every one; the map alone decides."""
        for room, allowed in rooms.items():
            for other in rooms:
                name = f"{house}/{room}/planted.cc"
                self.write(f"{house}/{other}/thing.h", header(f"{house}/{other}/thing.h"))
                self.write(name, f'#include "{house}/{other}/thing.h"\n')
                found = walls.breaches(self.root)
                if other == room or other in allowed:
                    self.assertEqual(found, [], f"{room} -> {other}")
                else:
                    self.assertTrue(found and found[0].startswith(f"{name}:1: arrow: "),
                                    f"{room} -> {other}: {found}")
                (self.root / name).unlink()

    def test_no_room_includes_another_against_the_map(self):
        self.expect_map("engine", walls.ROOMS)

    def test_no_room_of_recover_includes_another_against_the_map(self):
        self.expect_map("tools/recover", walls.RECOVER_ROOMS)

    def test_recovery_works_without_the_commands_and_without_transport(self):
        self.write("tools/recover/command.h", header("tools/recover/command.h"))
        self.expect("tools/recover/judging/a.cc", '#include "tools/recover/command.h"\n', "arrow")
        (self.root / "tools/recover/judging/a.cc").unlink()
        self.write("transport/client.h", header("transport/client.h"))
        self.expect("tools/recover/a.cc", '#include "transport/client.h"\n', "arrow")

    def test_engine_has_no_source_beside_its_rooms(self):
        self.expect("engine/a.cc", "\n", "room")

    def test_grpc_outside_transport(self):
        self.expect("engine/node/a.cc", "#include <grpcpp/server.h>\n", "library")

    def test_generated_messages_outside_transport(self):
        self.expect("engine/node/a.cc", '#include "wire.pb.h"\n', "library")

    def test_rocksdb_outside_its_files(self):
        self.expect("engine/node/a.cc", "#include <rocksdb/options.h>\n", "library")

    def test_rocksdb_in_a_header(self):
        (self.root / "engine/rocks/store.cc").unlink()
        self.expect("engine/rocks/store.h", header("engine/rocks/store.h", "<rocksdb/db.h>"), "library")

    def test_cli11_outside_its_file(self):
        self.expect("tools/command_get.cc", "#include <CLI/CLI.hpp>\n", "library")

    def test_cli11_in_a_header(self):
        (self.root / "tools/command_line.cc").unlink()
        self.expect("tools/command_line.h", header("tools/command_line.h", "<CLI/CLI.hpp>"), "library")

    def test_sodium_in_a_header(self):
        self.expect("cryptoscatter/a.h", header("cryptoscatter/a.h", "<sodium.h>"), "library")

    def test_openssl_outside_cryptoscatter(self):
        self.expect("transport/a.cc", "#include <openssl/ssl.h>\n", "library")

    def test_own_header_named_like_a_library_is_fine(self):
        self.write("cryptoscatter/erasure_code.h", header("cryptoscatter/erasure_code.h"))
        self.write("engine/node/a.cc", '#include "cryptoscatter/erasure_code.h"\n')
        self.assertEqual(walls.breaches(self.root), [])

    def test_cores_stay_pure(self):
        for target in ("<fstream>", "<thread>", "<random>", '"absl/time/clock.h"', "<mutex>"):
            with self.subTest(target):
                self.expect("arbiter/a.cc", f"#include {target}\n", "pure")

    def test_include_of_a_missing_file(self):
        self.expect("engine/node/a.cc", '#include "engine/node/missing.h"\n', "resolve")

    def test_include_relative_to_the_file(self):
        self.expect("engine/ports/a.cc", '#include "store.h"\n', "resolve")

    def test_own_header_second(self):
        self.expect("cryptoscatter/seal.cc", '#include <sodium.h>\n#include "cryptoscatter/seal.h"\n',
                    "own-first")

    def test_wrong_guard(self):
        self.expect("engine/node/a.h", header("engine/node/b.h"), "guard")

    def test_no_guard(self):
        self.expect("engine/node/a.h", "#pragma once\n", "guard")

    def test_forgotten_source_and_forgotten_options(self):
        sources = sorted(name for name in CLEAN if name.endswith(".cc"))
        forgotten, bare, *fine = sources
        commands = [{"directory": str(self.root), "file": bare, "command": "c++ -c x"}]
        commands += [{"directory": str(self.root), "file": name, "command": "c++ -Wextra -c x"}
                     for name in fine]
        path = self.root / "compile_commands.json"
        path.write_text(json.dumps(commands), encoding="utf-8")
        found = walls.breaches(self.root, path)
        self.assertEqual(len(found), 2, found)
        self.assertTrue(any(forgotten in line and ": compiled: " in line for line in found), found)
        self.assertTrue(any(bare in line and ": options: " in line for line in found), found)


if __name__ == "__main__":
    unittest.main()
