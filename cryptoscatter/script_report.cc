#include "cryptoscatter/script_report.h"

#include <algorithm>
#include <cmath>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/share.h"

namespace worldb::cryptoscatter {
namespace {

bool SurvivesEach(const Script& script, const DeclaredLosses& one_kind) {
  const std::vector<NodeSet> losses = SetsLostWith(one_kind);
  return std::all_of(losses.begin(), losses.end(),
                     [&](NodeSet lost) { return script.IsReadable(NodeSet::All().Minus(lost)); });
}

// Those of the smallest, or largest, size among the sets that `wanted` picks.
template <typename Wanted>
std::vector<NodeSet> Extreme(bool largest, Wanted wanted) {
  std::vector<NodeSet> out;
  for (const NodeSet set : SetsBySize()) {
    if (!wanted(set)) continue;
    if (!out.empty() && set.Count() != out.front().Count()) {
      if (!largest) break;
      out.clear();
    }
    out.push_back(set);
  }
  return out;
}

// The probability that exactly these of `count` independent things are left.
double Chance(int left, int count, double failure) {
  return std::pow(1 - failure, left) * std::pow(failure, count - left);
}

}  // namespace

ScriptReport ReportOn(const Script& script) {
  ScriptReport report;
  report.storage_factor = static_cast<double>(kNodeCount) / script.code().data_count();
  for (const NodeSet set : SetsBySize()) {
    report.reading_sets += script.CanRead(set) ? 1 : 0;
    report.rebuilding_sets += script.CanRebuild(set) ? 1 : 0;
  }
  while (SurvivesEach(script, {report.nodes_survived + 1, 0, 0})) ++report.nodes_survived;
  for (int d = 0; d < kDataCenterCount; ++d) {
    const DataCenterIndex dc = DataCenterAt(d);
    if (script.IsReadable(NodeSet::All().Minus(NodeSet::Of(dc)))) report.dcs_survived.push_back(dc);
  }
  if (report.dcs_survived.size() == kDataCenterCount) {
    report.nodes_survived_beside_dc = 0;
    while (SurvivesEach(script, {0, report.nodes_survived_beside_dc + 1, 0})) {
      ++report.nodes_survived_beside_dc;
    }
    report.nodes_survived_in_each_beside = 0;
    while (SurvivesEach(script, {0, 0, report.nodes_survived_in_each_beside + 1})) {
      ++report.nodes_survived_in_each_beside;
    }
  }
  report.smallest_reading = Extreme(false, [&](NodeSet set) { return script.CanRead(set); });
  report.smallest_blocking =
      Extreme(false, [&](NodeSet set) { return !script.IsReadable(NodeSet::All().Minus(set)); });
  report.largest_blind = Extreme(true, [&](NodeSet set) { return !script.CanRead(set); });
  for (int node = 0; node < kNodeCount; ++node) {
    const int rows = script.key_sharing().RowCount(NodeAt(node));
    report.key_rows[static_cast<std::size_t>(node)] = rows;
    report.key_share_bytes += static_cast<int>(StoredKeyShare(rows).bytes());
    if (KeyHelperSets(script.key_sharing(), NodeAt(node), NodeSet::All()).empty()) {
      report.irreplaceable.Add(NodeAt(node));
    }
  }
  return report;
}

double LossProbability(const Script& script, double node_failure, double site_failure) {
  WORLDB_CHECK(node_failure >= 0 && node_failure <= 1);
  WORLDB_CHECK(site_failure >= 0 && site_failure <= 1);
  double lost = 0;
  for (unsigned sites = 0; sites < 1u << kDataCenterCount; ++sites) {
    NodeSet standing;
    int sites_left = 0;
    for (int d = 0; d < kDataCenterCount; ++d) {
      if ((sites >> d & 1) == 0) continue;
      standing = standing | NodeSet::Of(DataCenterAt(d));
      ++sites_left;
    }
    for (const NodeSet up : SetsBySize()) {
      if (script.IsReadable(up & standing)) continue;
      lost += Chance(sites_left, kDataCenterCount, site_failure) *
              Chance(up.Count(), kNodeCount, node_failure);
    }
  }
  return lost;
}

}  // namespace worldb::cryptoscatter
