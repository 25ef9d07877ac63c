// worldb-recover keygen, worldb-recover export-keys

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/key_export.h"
#include "tools/files.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"

namespace worldb::tools {
namespace {

constexpr char kKeygenDescription[] =
    "Examples:\n"
    "  worldb-recover keygen --out key.wrk\n\n"
    "Makes a recovery key and prints its public half.\n"
    "Keep the file offline: it opens every key export made for it.";

constexpr char kExportKeysDescription[] =
    "Examples:\n"
    "  worldb-recover export-keys disks/nodes/*/secrets --cell disks/cell --to wrp1_... --out "
    "keys.wdk\n\n"
    "Encrypts node keys to a recovery key.\n"
    "With them, raw stores of these nodes open; nobody can act as these nodes by them.";

struct KeygenArguments {
  std::string out;
  OutputFormat format = OutputFormat::kText;
};

struct ExportKeysArguments {
  std::vector<std::string> secrets;
  std::string cell;
  std::string to;
  std::string out;
  OutputFormat format = OutputFormat::kText;
};

absl::Status Keygen(const KeygenArguments& arguments) {
  const auto key = cryptoscatter::ExchangeKeyPair::Generate(SystemEntropy());
  const SecretBytes file = cryptoscatter::EncodeRecoveryKeyFile(key);
  WORLDB_RETURN_IF_ERROR(WriteNewFile(arguments.out, file.ExposeSecret()));
  const std::string text = cryptoscatter::FormatRecoveryPublicKey(key.public_key());
  if (arguments.format == OutputFormat::kJson) {
    PrintJson({{"event", "recovery_key"}, {"public", text}, {"file", arguments.out}});
  } else {
    PrintLine(text);
  }
  return absl::OkStatus();
}

// The keys of one node of the cell, out of its secrets file.
absl::StatusOr<cryptoscatter::ExportedNode> ReadNode(const std::string& path,
                                                     const engine::Cell& cell,
                                                     const std::string& cell_path) {
  WORLDB_ASSIGN_OR_RETURN(engine::NodeSecrets secrets, ReadSecretsFile(path));
  cryptoscatter::ExportedNode node;
  node.id = cryptoscatter::NodeIdOf(secrets.signing.public_key());
  for (int i = 0; i < kNodeCount; ++i) {
    if (cell.node(NodeAt(i)).id != node.id) continue;
    node.index = NodeAt(i);
    node.name = cell.node(NodeAt(i)).name;
  }
  if (node.name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": of no node of the cell in ", cell_path));
  }
  node.storage_key = std::move(secrets.storage_key);
  node.exchange_secret = secrets.exchange.PrivateKey();
  return node;
}

// Puts them in order. InvalidArgument when one is there twice.
absl::Status Sort(std::vector<cryptoscatter::ExportedNode>& nodes) {
  std::sort(nodes.begin(), nodes.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  const auto twice = std::adjacent_find(
      nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a.index == b.index; });
  if (twice == nodes.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the secrets of ", twice->name, " are named twice"));
}

absl::Status ExportKeys(const ExportKeysArguments& arguments) {
  WORLDB_ASSIGN_OR_RETURN(const auto recovery_key,
                          cryptoscatter::ParseRecoveryPublicKey(arguments.to));
  WORLDB_ASSIGN_OR_RETURN(const auto cell, ReadCellFile(arguments.cell));
  cryptoscatter::KeyExport keys;
  keys.cell = cell->id();
  for (const std::string& path : arguments.secrets) {
    WORLDB_ASSIGN_OR_RETURN(cryptoscatter::ExportedNode node,
                            ReadNode(path, *cell, arguments.cell));
    keys.nodes.push_back(std::move(node));
  }
  WORLDB_RETURN_IF_ERROR(Sort(keys.nodes));
  WORLDB_ASSIGN_OR_RETURN(const Bytes sealed,
                          cryptoscatter::SealKeyExport(keys, recovery_key, SystemEntropy()));
  WORLDB_RETURN_IF_ERROR(WriteNewFile(arguments.out, sealed));
  if (arguments.format == OutputFormat::kJson) {
    Json nodes = Json::array();
    for (const cryptoscatter::ExportedNode& node : keys.nodes) nodes.push_back(node.name);
    PrintJson({{"event", "key_export"},
               {"cell", keys.cell.Hex()},
               {"nodes", nodes},
               {"file", arguments.out}});
  }
  return absl::OkStatus();
}

}  // namespace

void AddKeygenCommand(CommandLine& program) {
  const auto arguments = std::make_shared<KeygenArguments>();
  const Command command = program.AddSubcommand("keygen", kKeygenDescription);
  command.AddOption("--out", &arguments->out, "file for the key, mode 0600")
      .Required()
      .ValueName("FILE");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] {
    const absl::Status status = Keygen(*arguments);
    return status.ok() ? kExitDone
                       : ReportFailure("keygen", status, arguments->format,
                                       "name a new file in a directory you may write to");
  });
}

void AddExportKeysCommand(CommandLine& program) {
  const auto arguments = std::make_shared<ExportKeysArguments>();
  const Command command = program.AddSubcommand("export-keys", kExportKeysDescription);
  command.AddPositional("SECRETS", &arguments->secrets, "nodes' secrets files: nodes/NAME/secrets")
      .Required()
      .ValueCount(1, kNodeCount)
      .ValueName("...");
  command.AddOption("--cell", &arguments->cell, "the cell directory file these nodes belong to")
      .Required()
      .ValueName("FILE");
  command.AddOption("--to", &arguments->to, "public half of the recovery key, as keygen printed it")
      .Required()
      .ValueName("wrp1_...");
  command.AddOption("--out", &arguments->out, "file for the export, mode 0600")
      .Required()
      .ValueName("FILE");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] {
    const absl::Status status = ExportKeys(*arguments);
    return status.ok() ? kExitDone
                       : ReportFailure("export-keys", status, arguments->format,
                                       "worldb-recover export-keys --help");
  });
}

}  // namespace worldb::tools
