// worldb-recover join SHARE... --out FILE|-

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/join_file.h"
#include "tools/recover/share_set.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover join shares --out report.pdf\n"
    "  worldb-recover join usb/*.wds nas/*.wds --out - | tar x\n\n"
    "Brings a file back from share files: in any order, also more than it takes, or whole "
    "directories.\n"
    "Every block is checked before it is used, and every bad share is named. Ends with 65 when a "
    "share\n"
    "was bad, though the file came back, and when the shares do not suffice; then nothing is "
    "written.";

struct JoinArguments {
  std::vector<std::string> paths;
  JoinOptions options;
  std::string which;
  OutputFormat format = OutputFormat::kText;
};

struct Joined {
  CoreId core;
  JoinResult result;
};

absl::StatusOr<Joined> Join(const JoinArguments& arguments, ShareSet& set) {
  WORLDB_ASSIGN_OR_RETURN(const ShareGroup group, set.Choose(arguments.which));
  WORLDB_ASSIGN_OR_RETURN(JoinResult result, JoinFile(group, arguments.options));
  return Joined{group.core().Id(), std::move(result)};
}

// Standard output is the content's when it goes there.
void Say(const JoinArguments& arguments, const std::string& line) {
  std::FILE* out = arguments.options.output == "-" ? stderr : stdout;
  std::fprintf(out, "%s\n", line.c_str());
  std::fflush(out);
}

struct BadShares {
  std::vector<std::string> lines;
  Json json = Json::array();
};

BadShares BadOnesOf(const ShareSet& set) {
  BadShares bad;
  for (const auto& given : set.shares()) {
    if (!given->is_bad()) continue;
    bad.lines.push_back(absl::StrCat(Printable(given->path()), ": ", given->Reason()));
    bad.json.push_back({{"path", given->path()}, {"reason", given->Reason()}});
  }
  return bad;
}

std::string Lines(const std::string& first, const BadShares& bad) {
  if (bad.lines.empty()) return first;
  return absl::StrCat(first, first.empty() ? "" : "\n        ",
                      absl::StrJoin(bad.lines, "\n        "));
}

int Finish(const JoinArguments& arguments, const ShareSet& set,
           const absl::StatusOr<Joined>& joined) {
  const BadShares bad = BadOnesOf(set);
  const std::size_t given = set.shares().size();
  if (arguments.format == OutputFormat::kJson) {
    Json line = {{"outcome", joined.ok() ? "joined" : "failed"}};
    if (joined.ok()) {
      line["name"] = joined->result.base_name;
      line["bytes"] = joined->result.file_bytes;
      line["core"] = joined->core.Hex();
      line["out"] = arguments.options.output;
    } else {
      line["reason"] = std::string(joined.status().message());
    }
    line["shares"] = given;
    line["bad_shares"] = bad.json;
    Say(arguments, line.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (joined.ok()) {
    Say(arguments, absl::StrCat("joined ", Printable(joined->result.base_name), ", ",
                                joined->result.file_bytes, " bytes, from ", given, " share files"));
  }
  if (joined.ok() && bad.lines.empty()) return kExitDone;
  const std::string bad_count = absl::StrCat(bad.lines.size(), " of ", given, " share files ",
                                             bad.lines.size() == 1 ? "is" : "are", " bad");
  if (joined.ok()) {
    return FailWith({absl::StrCat("join: the file came back, but ", bad_count), Lines("", bad),
                     "the file is right; split it again to have nine good shares"},
                    kExitBadData);
  }
  std::string next = "find more shares of this file, or better copies of the bad ones";
  int code = ExitCodeOf(joined.status());
  if (absl::IsInvalidArgument(joined.status())) {
    next = "--which with the first digits of the core or commitment to join, or fewer shares";
  } else if (absl::IsResourceExhausted(joined.status())) {
    next = "make room, or another --out; nothing was left behind";
  } else if (absl::IsFailedPrecondition(joined.status())) {
    code = kExitBadData;
  }
  return FailWith(
      {arguments.options.output == "-"
           ? "join: failed; what was written so far is not the whole file"
           : absl::StrCat("join: ", Printable(arguments.options.output), " was not written"),
       Lines(std::string(joined.status().message()), bad), std::move(next)},
      code);
}

}  // namespace

void AddJoinCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<JoinArguments>();
  CLI::App* command = app.add_subcommand("join", kDescription);
  command->add_option("SHARE", arguments->paths, "share files, and directories with *.wds files")
      ->required()
      ->type_name("");
  command
      ->add_option("--out", arguments->options.output,
                   "the file to write, replaced when it is there; - for standard output")
      ->required()
      ->type_name("FILE|-");
  command
      ->add_option("--which", arguments->which,
                   "of shares of several files, those whose core or commitment begins so")
      ->type_name("HEX");
  command->add_flag("--quick", arguments->options.quick,
                    "read only as many shares as it takes, and leave the others unchecked");
  AddOutputOption(*command, arguments->format);
  command->callback([arguments, &exit_code] {
    absl::StatusOr<ShareSet> set = ShareSet::Open(arguments->paths);
    if (!set.ok()) {
      exit_code = FailWith({"join: the shares cannot be read", std::string(set.status().message()),
                            "worldb-recover join --help"},
                           ExitCodeOf(set.status()));
      return;
    }
    exit_code = Finish(*arguments, *set, Join(*arguments, *set));
  });
}

}  // namespace worldb::tools
