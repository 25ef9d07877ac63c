#include "tests/support/effect_text.h"

#include "absl/strings/str_cat.h"

namespace worldb::testing {

using arbiter::CheckpointMade;
using arbiter::LevelAnnounced;
using arbiter::OpAccepted;
using arbiter::OpJudged;
using arbiter::OpRefused;
using arbiter::OutageChanged;
using arbiter::Outcome;
using arbiter::OutcomeKind;
using arbiter::PayloadUnwanted;
using arbiter::Refusal;
using arbiter::Stamp;
using arbiter::VersionDecided;
using arbiter::VersionVisible;

namespace {

// ---- bytes

void Write(ByteWriter& w, const Stamp& s) {
  w.I64(absl::ToUnixNanos(s.midpoint)).I64(absl::ToInt64Nanoseconds(s.bound)).U8(s.node.value());
  w.U64(s.stream_epoch.value()).U64(s.number.value());
}

void Write(ByteWriter& w, const arbiter::RoundId& id) {
  w.Raw(id.key_tag.span()).U64(id.version.value());
}

void Write(ByteWriter& w, const Outcome& o) {
  w.U8(static_cast<std::uint8_t>(o.kind)).U64(o.version.value()).U8(o.rival.has_value() ? 1 : 0);
  if (o.rival.has_value()) {
    w.Raw(o.rival->op.span());
    Write(w, o.rival->stamp);
  }
  w.I64(absl::ToInt64Nanoseconds(o.margin)).U8(o.ambiguous ? 1 : 0).U64(o.present.value());
}

struct Encoder {
  ByteWriter& w;
  void operator()(const OpAccepted& e) const {
    w.U8(1).Raw(e.op.span()).U8(e.ingress.value());
    Write(w, e.round);
    Write(w, e.stamp);
    w.U8(e.leading ? 1 : 0);
  }
  void operator()(const OpJudged& e) const {
    w.U8(2).Raw(e.op.span()).U8(e.ingress.value()).Raw(e.key_tag.span());
    Write(w, e.outcome);
  }
  void operator()(const OpRefused& e) const {
    w.U8(3).Raw(e.op.span()).U8(e.ingress.value());
    w.U8(static_cast<std::uint8_t>(e.refusal)).U64(e.present.value());
  }
  void operator()(const VersionDecided& e) const {
    w.U8(4);
    Write(w, e.id);
  }
  void operator()(const LevelAnnounced& e) const {
    w.U8(5);
    Write(w, e.id);
    w.Raw(e.op.span()).U8(e.ingress.value()).U8(static_cast<std::uint8_t>(e.level));
    w.U16(e.held.bits());
  }
  void operator()(const PayloadUnwanted& e) const {
    w.U8(6).Raw(e.op.span()).Raw(e.commitment.span());
  }
  void operator()(const VersionVisible& e) const {
    w.U8(7);
    Write(w, e.id);
  }
  void operator()(const OutageChanged& e) const {
    w.U8(8).U8(e.data_center.value()).U8(e.out ? 1 : 0);
  }
  void operator()(const CheckpointMade& e) const {
    w.U8(9).U64(e.checkpoint.index.value()).Raw(e.checkpoint.sum.span());
    for (const arbiter::CheckpointRow& row : e.checkpoint.rows) {
      w.Sized(AsBytes(row.key)).U8(row.value.has_value() ? 1 : 0);
      if (row.value.has_value()) w.Sized(*row.value);
    }
  }
};

// ---- text

struct Formatter {
  const EffectNames& names;

  template <typename Id>
  static std::string Name(const std::map<Id, std::string>& known, const Id& id) {
    const auto at = known.find(id);
    return at == known.end() ? id.Hex() : at->second;
  }
  std::string Op(const OpId& op) const { return Name(names.ops, op); }
  std::string Round(const arbiter::RoundId& id) const {
    return absl::StrCat(Name(names.keys, id.key_tag), "/", id.version.value());
  }
  std::string StampText(const Stamp& s) const {
    return absl::StrCat(absl::FormatDuration(s.midpoint - names.zero), "+-",
                        absl::FormatDuration(s.bound), " n", s.node.value());
  }
  static std::string Ingress(NodeIndex node) { return absl::StrCat(" -> n", node.value()); }

  std::string operator()(const OpAccepted& e) const {
    return absl::StrCat("accepted ", Op(e.op), " for ", Round(e.round), " at ", StampText(e.stamp),
                        e.leading ? ", leading" : "", Ingress(e.ingress));
  }
  std::string operator()(const OpJudged& e) const {
    const Outcome& o = e.outcome;
    std::string line = absl::StrCat("judged ", Op(e.op), " ", OutcomeName(o.kind), " ",
                                    Round({e.key_tag, o.version}));
    if (o.rival.has_value()) {
      absl::StrAppend(&line, ", rival ", Op(o.rival->op), " at ", StampText(o.rival->stamp),
                      ", margin ", absl::FormatDuration(o.margin));
    }
    if (o.ambiguous) absl::StrAppend(&line, ", ambiguous");
    if (o.kind == OutcomeKind::kStale) absl::StrAppend(&line, ", present ", o.present.value());
    return absl::StrCat(line, Ingress(e.ingress));
  }
  std::string operator()(const OpRefused& e) const {
    return absl::StrCat("refused ", Op(e.op), " ", RefusalName(e.refusal), ", present ",
                        e.present.value(), Ingress(e.ingress));
  }
  std::string operator()(const VersionDecided& e) const {
    return absl::StrCat("decided ", Round(e.id));
  }
  std::string operator()(const LevelAnnounced& e) const {
    return absl::StrCat("announced ", Round(e.id), " ", LevelName(e.level), " of ", Op(e.op),
                        ", held by ", e.held.Count(), Ingress(e.ingress));
  }
  std::string operator()(const PayloadUnwanted& e) const {
    return absl::StrCat("unwanted ", Op(e.op), " payload ", Name(names.payloads, e.commitment));
  }
  std::string operator()(const VersionVisible& e) const {
    return absl::StrCat("visible ", Round(e.id));
  }
  std::string operator()(const OutageChanged& e) const {
    return absl::StrCat("data center ", e.data_center.value(), e.out ? " is out" : " is back");
  }
  std::string operator()(const CheckpointMade& e) const {
    return absl::StrCat("checkpoint after entry ", e.checkpoint.index.value(), ", ",
                        e.checkpoint.rows.size(), " rows");
  }
};

}  // namespace

absl::string_view RefusalName(Refusal refusal) {
  switch (refusal) {
    case Refusal::kBadBase:
      return "BAD_BASE";
    case Refusal::kOpExpired:
      return "OP_EXPIRED";
    case Refusal::kOpIdReused:
      return "OP_ID_REUSED";
  }
  return "UNKNOWN";
}

Bytes EncodeEffect(const arbiter::Effect& effect) {
  ByteWriter w(160);
  std::visit(Encoder{w}, effect);
  return std::move(w).Take();
}

Bytes EncodeEffects(const std::vector<arbiter::Effect>& effects) {
  ByteWriter w(160 * effects.size());
  w.U32(static_cast<std::uint32_t>(effects.size()));
  for (const arbiter::Effect& effect : effects) std::visit(Encoder{w}, effect);
  return std::move(w).Take();
}

std::string FormatEffect(const arbiter::Effect& effect, const EffectNames& names) {
  return std::visit(Formatter{names}, effect);
}

}  // namespace worldb::testing
