// worldb-recover join SHARE... --out FILE|-

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/split/join_file.h"
#include "tools/recover/split/share_set.h"

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

constexpr char kMoreShares[] = "find more shares of this file, or better copies of the bad ones";

// `next` gets what to do when it failed.
absl::StatusOr<Joined> Join(const JoinArguments& arguments, ShareSet& set, std::string& next) {
  next = kMoreShares;
  const GivenShare* share =
      arguments.options.output == "-" ? nullptr : set.Find(arguments.options.output);
  if (share != nullptr) {
    next = "another --out: a share is never replaced by what it is a share of";
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.options.output, " is one of the share files: ", share->path()));
  }
  const absl::StatusOr<ShareGroup> group = set.Choose(arguments.which);
  if (!group.ok()) {
    if (absl::IsInvalidArgument(group.status()) ||
        (absl::IsNotFound(group.status()) && !arguments.which.empty())) {
      next = "--which with the first digits of the core or commitment to join, or other shares";
    }
    if (absl::IsPermissionDenied(group.status())) next = "the same as a user who may read them";
    return group.status();
  }
  ProgressLine line;
  absl::StatusOr<JoinResult> result =
      JoinFile(*group, arguments.options, [&line](std::uint64_t done, std::uint64_t total) {
        line.ShowBytes("worldb-recover: join", done, total);
      });
  if (!result.ok()) {
    if (arguments.options.output == "-" && absl::IsResourceExhausted(result.status())) {
      next = "the same command, with standard output to where there is room";
    } else if (absl::IsResourceExhausted(result.status())) {
      next = "make room, or another --out; nothing was left behind";
    } else if (!absl::IsFailedPrecondition(result.status()) && !absl::IsDataLoss(result.status())) {
      next = "another --out: the name of a file that may be written, or - for standard output";
    }
    return result.status();
  }
  return Joined{group->core().Id(), *std::move(result)};
}

// Standard output is the content's when it goes there.
void Say(const JoinArguments& arguments, const std::string& line) {
  std::FILE* out = arguments.options.output == "-" ? stderr : stdout;
  std::fprintf(out, "%s\n", line.c_str());
  std::fflush(out);
}

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct BadShares {
  std::vector<std::string> lines;
  Json json = Json::array();
};

BadShares BadOnesOf(const ShareSet& set) {
  BadShares bad;
  for (const auto& given : set.shares()) {
    if (!given->is_bad()) continue;
    bad.lines.push_back(absl::StrCat(Printable(given->path()), ": ", Printable(given->Reason())));
    bad.json.push_back({{"path", given->path()}, {"reason", given->Reason()}});
  }
  return bad;
}

ExitCode Finish(const JoinArguments& arguments, const ShareSet& set,
                const absl::StatusOr<Joined>& joined, const std::string& next) {
  const BadShares bad = BadOnesOf(set);
  const std::size_t given = set.shares().size();
  // That there is too little of it is what the shares are worth, not a condition of the program's.
  const ExitCode code =
      absl::IsFailedPrecondition(joined.status()) ? kExitBadData : ExitCodeOf(joined.status());
  if (arguments.format == OutputFormat::kJson) {
    Json line = joined.ok() ? Json{{"outcome", "joined"},
                                   {"name", joined->result.base_name},
                                   {"bytes", joined->result.file_bytes},
                                   {"core", joined->core.Hex()},
                                   {"out", arguments.options.output}}
                            : ErrorJson(joined.status(), code);
    line["shares"] = given;
    line["bad_shares"] = bad.json;
    Say(arguments, Text(line));
  } else if (joined.ok()) {
    Say(arguments, absl::StrCat("joined ", Printable(joined->result.base_name), ", ",
                                joined->result.file_bytes, " bytes, from ", given, " share files"));
  }
  if (joined.ok() && bad.lines.empty()) return kExitDone;
  const std::string bad_count = absl::StrCat(bad.lines.size(), " of ", given, " share files ",
                                             bad.lines.size() == 1 ? "is" : "are", " bad");
  if (joined.ok()) {
    PrintFailure({absl::StrCat("join: the file came back, but ", bad_count), "",
                  "the file is right; split it again to have nine good shares", bad.lines},
                 kRecoverProgram);
    return kExitBadData;
  }
  PrintFailure(
      {arguments.options.output == "-"
           ? "join: failed; what was written so far is not the whole file"
           : absl::StrCat("join: ", Printable(arguments.options.output), " was not written"),
       std::string(joined.status().message()), next, bad.lines},
      kRecoverProgram);
  return code;
}

}  // namespace

void AddJoinCommand(CommandLine& program) {
  const auto arguments = std::make_shared<JoinArguments>();
  const Command command = program.AddSubcommand("join", kDescription);
  command.AddPositional("SHARE", &arguments->paths, "share files, and directories with *.wds files")
      .Required();
  command
      .AddOption("--out", &arguments->options.output,
                 "the file to write, replaced when it is there; - for standard output")
      .Required()
      .ValueName("FILE|-");
  command
      .AddOption("--which", &arguments->which,
                 "of shares of several files, those whose core or commitment begins so")
      .ValueName("HEX");
  command.AddFlag("--quick", &arguments->options.quick,
                  "read only as many shares as it takes, and leave the others unchecked");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] {
    absl::StatusOr<ShareSet> set = ShareSet::Open(arguments->paths);
    if (!set.ok()) {
      const ExitCode code = ExitCodeOf(set.status());
      if (arguments->format == OutputFormat::kJson) {
        Say(*arguments, Text(ErrorJson(set.status(), code)));
      }
      PrintFailure({"join: the shares cannot be read", Printable(set.status().message()),
                    "worldb-recover join --help"},
                   kRecoverProgram);
      return code;
    }
    std::string next;
    const absl::StatusOr<Joined> joined = Join(*arguments, *set, next);
    return Finish(*arguments, *set, joined, next);
  });
}

}  // namespace worldb::tools
