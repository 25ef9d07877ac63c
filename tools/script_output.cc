#include "tools/script_output.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace worldb::tools {
namespace {

using cryptoscatter::Script;
using cryptoscatter::ScriptNames;
using cryptoscatter::ScriptReport;

constexpr std::size_t kSetsShownMax = 3;  // of each kind, in the table

// "110 011 000": a digit a node, a group a data center.
std::string Pattern(NodeSet set) {
  std::string out;
  for (int i = 0; i < kNodeCount; ++i) {
    if (i > 0 && i % kNodesPerDataCenter == 0) out += ' ';
    out += set.Has(i) ? '1' : '0';
  }
  return out;
}

// "27 of 4 nodes: virginia-1, virginia-2, ...; ...; and 24 more"
std::string SetsText(const std::vector<NodeSet>& sets, const ScriptNames& names) {
  std::string out = absl::StrCat(sets.size(), " of ", sets.front().Count(), " nodes");
  for (std::size_t i = 0; i < std::min(sets.size(), kSetsShownMax); ++i) {
    absl::StrAppend(&out, "\n                ", names.Describe(sets[i]));
  }
  if (sets.size() > kSetsShownMax) {
    absl::StrAppend(&out, "\n                and ", sets.size() - kSetsShownMax,
                    " more: see -o json");
  }
  return out;
}

std::string NodesText(int count) { return absl::StrCat(count, count == 1 ? " node" : " nodes"); }

std::string SurvivedText(const ScriptReport& report) {
  std::vector<std::string> parts = {"any data center"};  // or it would not compile
  if (report.nodes_survived > 0) {
    parts.push_back(absl::StrCat("any ", NodesText(report.nodes_survived)));
  }
  if (report.nodes_survived_beside_dc > 0) {
    parts.push_back(
        absl::StrCat("any data center and any ", NodesText(report.nodes_survived_beside_dc)));
  }
  if (report.nodes_survived_in_each_beside > 0) {
    parts.push_back(absl::StrCat("any data center and ",
                                 NodesText(report.nodes_survived_in_each_beside),
                                 " in each other one"));
  }
  return absl::StrJoin(parts, "; ");
}

// Empty when every node has one row, which no other node has to hold.
std::string KeySharesText(const ScriptReport& report, const ScriptNames& names) {
  std::string out;
  const auto one = [](int rows) { return rows == 1; };
  if (!std::all_of(report.key_rows.begin(), report.key_rows.end(), one)) {
    std::vector<std::string> others;
    for (int node = 0; node < kNodeCount; ++node) {
      const int rows = report.key_rows[static_cast<std::size_t>(node)];
      if (!one(rows)) others.push_back(absl::StrCat(names.node(NodeAt(node)), " ", rows));
    }
    absl::StrAppend(&out, "\nkey shares      ", report.key_share_bytes,
                    " bytes stored for each value; rows: ", absl::StrJoin(others, ", "),
                    others.size() < kNodeCount ? ", each other node 1" : "");
  }
  if (!report.irreplaceable.empty()) {
    absl::StrAppend(&out, "\nlost for good   a lost key share of ",
                    names.Describe(report.irreplaceable),
                    ": the other nodes may still read, but cannot make it again");
  }
  return out;
}

Json KeyRowsJson(const ScriptReport& report, const ScriptNames& names) {
  Json out = Json::object();
  for (int node = 0; node < kNodeCount; ++node) {
    out[names.node(NodeAt(node))] = report.key_rows[static_cast<std::size_t>(node)];
  }
  return out;
}

std::string LossText(const ScriptExplanation& e) {
  return absl::StrFormat("%.3g when a node is lost with probability %g and a data center with %g",
                         LossProbability(e.script, e.node_failure, e.site_failure), e.node_failure,
                         e.site_failure);
}

Json NodesJson(NodeSet set, const ScriptNames& names) {
  Json out = Json::array();
  for (int i = 0; i < kNodeCount; ++i) {
    if (set.Has(i)) out.push_back(names.node(NodeAt(i)));
  }
  return out;
}

Json SetsJson(const std::vector<NodeSet>& sets, const ScriptNames& names) {
  Json out = Json::array();
  for (const NodeSet set : sets) out.push_back(NodesJson(set, names));
  return out;
}

// Lines and shapes of a picture, one under the other.
class Picture {
 public:
  void Text(int size, const char* style, const std::string& text) {
    y_ += size + 6;
    absl::StrAppendFormat(&body_, "<text x=\"%d\" y=\"%d\" font-size=\"%d\" %s>%s</text>\n", kLeft,
                          y_, size, style, text);
  }

  void DataCenters(const ScriptNames& names) {
    y_ += 18;
    for (int d = 0; d < kDataCenterCount; ++d) {
      const int x = kLeft + d * (kBoxWidth + kBoxGap);
      absl::StrAppendFormat(
          &body_,
          "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\" "
          "fill=\"#f4f5f7\" stroke=\"#8a94a6\"/>\n"
          "<text x=\"%d\" y=\"%d\" font-size=\"14\" font-weight=\"bold\">%s</text>\n",
          x, y_, kBoxWidth, kBoxHeight, x + 14, y_ + 24, names.data_center(DataCenterAt(d)));
      for (int i = 0; i < kNodesPerDataCenter; ++i) {
        const int row = y_ + 48 + i * 26;
        absl::StrAppendFormat(&body_,
                              "<circle cx=\"%d\" cy=\"%d\" r=\"8\" fill=\"#ffffff\" "
                              "stroke=\"#44506a\" stroke-width=\"2\"/>\n"
                              "<text x=\"%d\" y=\"%d\" font-size=\"13\">%s</text>\n",
                              x + 24, row, x + 42, row + 5,
                              names.node(NodeAt(d * kNodesPerDataCenter + i)));
      }
    }
    y_ += kBoxHeight + 12;
  }

  void Sets(const std::vector<NodeSet>& sets, const char* color) {
    y_ += 12;
    for (std::size_t s = 0; s < sets.size(); ++s) {
      const int column = static_cast<int>(s) % kSetsPerRow;
      if (s > 0 && column == 0) y_ += kSetHeight;
      const int x = kLeft + column * kSetWidth;
      for (int i = 0; i < kNodeCount; ++i) {
        absl::StrAppendFormat(&body_, "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"%s\"/>\n",
                              x + 6 + 12 * (i / kNodesPerDataCenter),
                              y_ + 6 + 12 * (i % kNodesPerDataCenter),
                              sets[s].Has(i) ? color : "#d9dde5");
      }
    }
    y_ += kSetHeight;
  }

  std::string Finish() const {
    return absl::StrFormat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
        "%d\" "
        "font-family=\"sans-serif\" fill=\"#1d2433\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n%s</svg>\n",
        kWidth, y_ + 24, kWidth, y_ + 24, body_);
  }

 private:
  static constexpr int kWidth = 960;
  static constexpr int kLeft = 30;
  static constexpr int kBoxWidth = 280;
  static constexpr int kBoxHeight = 126;
  static constexpr int kBoxGap = 30;
  static constexpr int kSetWidth = 50;
  static constexpr int kSetHeight = 52;
  static constexpr int kSetsPerRow = 18;
  int y_ = 12;
  std::string body_;
};

constexpr char kReadingColor[] = "#1f6feb";
constexpr char kBlockingColor[] = "#c2410c";

}  // namespace

std::string ExplainAsTable(const ScriptExplanation& e) {
  const ScriptReport report = ReportOn(e.script);
  std::string out = e.script.text();
  absl::StrAppend(&out, "\nscript id       ", e.script.id().Hex());
  absl::StrAppendFormat(&out, "\nstorage factor  %.2f bytes on nine nodes for a byte of ciphertext",
                        report.storage_factor);
  absl::StrAppend(&out, KeySharesText(report, e.names));
  absl::StrAppend(&out, "\nmay be lost     ", SurvivedText(report));
  absl::StrAppend(&out, "\nloss            ", LossText(e));
  absl::StrAppend(&out, "\nread            ", report.reading_sets, " of 512 sets of nodes");
  absl::StrAppend(&out, "\nrebuild         ", report.rebuilding_sets, " of 512");
  absl::StrAppend(&out, "\nsmallest sets that read: ", SetsText(report.smallest_reading, e.names));
  absl::StrAppend(&out, "\nsmallest sets that block reading when lost: ",
                  SetsText(report.smallest_blocking, e.names));
  absl::StrAppend(
      &out, "\nlargest sets that cannot read: ", SetsText(report.largest_blind, e.names), "\n");
  if (!e.subsets) return out;
  std::vector<absl::string_view> heads;
  for (int d = 0; d < kDataCenterCount; ++d) heads.push_back(e.names.data_center(DataCenterAt(d)));
  absl::StrAppend(&out, "\nnodes (", absl::StrJoin(heads, ", "), ")\nset          rebuild  read\n");
  for (const NodeSet set : cryptoscatter::SetsBySize()) {
    absl::StrAppendFormat(&out, "%s  %-7s  %s\n", Pattern(set),
                          e.script.CanRebuild(set) ? "yes" : "no",
                          e.script.CanRead(set) ? "yes" : "no");
  }
  return out;
}

Json ExplainAsJson(const ScriptExplanation& e) {
  const ScriptReport report = ReportOn(e.script);
  Json survives = {{"any_data_center", true},
                   {"any_nodes", report.nodes_survived},
                   {"any_nodes_beside_a_data_center", report.nodes_survived_beside_dc},
                   {"nodes_in_each_other_data_center", report.nodes_survived_in_each_beside}};
  Json out = {{"event", "script"},
              {"id", e.script.id().Hex()},
              {"text", e.script.text()},
              {"storage_factor", report.storage_factor},
              {"key_share_rows", KeyRowsJson(report, e.names)},
              {"key_share_bytes", report.key_share_bytes},
              {"irreplaceable_key_shares", NodesJson(report.irreplaceable, e.names)},
              {"reading_sets", report.reading_sets},
              {"rebuilding_sets", report.rebuilding_sets},
              {"survives", std::move(survives)},
              {"node_failure", e.node_failure},
              {"site_failure", e.site_failure},
              {"loss_probability", LossProbability(e.script, e.node_failure, e.site_failure)},
              {"smallest_reading_sets", SetsJson(report.smallest_reading, e.names)},
              {"smallest_blocking_sets", SetsJson(report.smallest_blocking, e.names)},
              {"largest_blind_sets", SetsJson(report.largest_blind, e.names)}};
  if (e.subsets) {
    Json rows = Json::array();
    for (const NodeSet set : cryptoscatter::SetsBySize()) {
      rows.push_back({{"nodes", NodesJson(set, e.names)},
                      {"rebuild", e.script.CanRebuild(set)},
                      {"read", e.script.CanRead(set)}});
    }
    out["subsets"] = std::move(rows);
  }
  return out;
}

std::string ExplainAsPicture(const ScriptExplanation& e) {
  const ScriptReport report = ReportOn(e.script);
  Picture picture;
  const std::vector<std::string> lines = absl::StrSplit(e.script.text(), '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    picture.Text(line.size() > 90 ? 11 : 15, "font-family=\"monospace\"", line);
  }
  picture.Text(13, "",
               absl::StrFormat("Storage factor %.2f. May be lost: %s.", report.storage_factor,
                               SurvivedText(report)));
  picture.Text(13, "", absl::StrCat("A value is lost with probability ", LossText(e), "."));
  picture.DataCenters(e.names);
  picture.Text(14, "font-weight=\"bold\"",
               absl::StrCat("Smallest sets that read: ", report.smallest_reading.size(), " of ",
                            report.smallest_reading.front().Count(),
                            " nodes (a column for each data center)"));
  picture.Sets(report.smallest_reading, kReadingColor);
  picture.Text(
      14, "font-weight=\"bold\"",
      absl::StrCat("Smallest sets that block reading when lost: ", report.smallest_blocking.size(),
                   " of ", report.smallest_blocking.front().Count(), " nodes"));
  picture.Sets(report.smallest_blocking, kBlockingColor);
  return picture.Finish();
}

}  // namespace worldb::tools
