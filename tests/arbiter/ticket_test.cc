// Goal:   a ticket comes back as it was handed out, and no altered or foreign text passes.
// Method: a fixed ticket against its text; random tickets there and back; every single character of
//         one replaced by every other of the alphabet.

#include "arbiter/ticket.h"

#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace worldb::arbiter {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

template <typename Id>
Id Filled(std::uint8_t byte) {
  Id id;
  id.bytes.fill(byte);
  return id;
}

const CellId kCell = Filled<CellId>(0xc1);
const Bytes kKey(32, 0x5e);

Ticket Example() {
  return {DataCenterAt(1), Slot(0x0203), Filled<KeyTag>(0xaa), Filled<OpId>(0x77)};
}

void ExpectRefused(absl::string_view text, absl::string_view why, const CellId& cell = kCell,
                   ByteSpan key = kKey) {
  const auto ticket = ParseTicket(text, cell, key);
  ASSERT_FALSE(ticket.ok()) << text;
  EXPECT_EQ(ticket.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ticket.status().message()), HasSubstr(std::string(why))) << text;
}

TEST(Ticket, ComesBackAsItWas) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    Ticket ticket;
    ticket.home = DataCenterAt(static_cast<int>(random() % 3));
    ticket.slot = Slot(static_cast<std::uint16_t>(random()));
    for (std::uint8_t& b : ticket.key_tag.bytes) b = static_cast<std::uint8_t>(random());
    for (std::uint8_t& b : ticket.op.bytes) b = static_cast<std::uint8_t>(random());
    const std::string text = FormatTicket(ticket, kCell, kKey);
    const auto parsed = ParseTicket(text, kCell, kKey);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, ticket);
  }
}

// The worked example of docs/ticket-format.md: cell hint, home, slot, key tag, op, MAC.
TEST(Ticket, ExampleHasTheseBytes) {
  const std::string text = FormatTicket(Example(), kCell, kKey);
  ASSERT_TRUE(absl::StartsWith(text, "wt1_"));
  std::string raw;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(text.substr(4), &raw));
  EXPECT_EQ(text.size(), 78u);
  EXPECT_EQ(HexEncode(AsBytes(raw)).substr(0, 78),
            "c1c1c1c1"
            "01"
            "0302"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "77777777777777777777777777777777");
  EXPECT_EQ(HexEncode(AsBytes(raw)).substr(78), "6656c0220a2bf489a9134c005c455031");
}

TEST(Ticket, RefusesEveryAlteredCharacter) {
  const std::string good = FormatTicket(Example(), kCell, kKey);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char other : std::string(kAlphabet) + "=+/ \n\t.\xc3") {
      if (other == good[at]) continue;
      std::string bad = good;
      bad[at] = other;
      ExpectRefused(bad, "not a ticket");
    }
  }
}

TEST(Ticket, RefusesOtherLengthsAndPadding) {
  const std::string good = FormatTicket(Example(), kCell, kKey);
  for (std::size_t size = 0; size < good.size(); ++size) ExpectRefused(good.substr(0, size), "");
  for (const char* more : {"A", "=", "==", " ", "\n", "AAAA"}) ExpectRefused(good + more, "");
  ExpectRefused(" " + good, "does not begin");
  ExpectRefused(std::string("wt1_") + " " + good.substr(4), "");
}

TEST(Ticket, NamesWhatIsWrong) {
  const std::string good = FormatTicket(Example(), kCell, kKey);
  ExpectRefused("ticket", "does not begin with \"wt1_\"");
  ExpectRefused(good, "another cell", Filled<CellId>(0xc2));
  ExpectRefused(good, "altered", kCell, Bytes(32, 0x5f));
  // Cells whose ids begin alike are told apart by the MAC.
  CellId alike = kCell;
  alike.bytes.back() = 0;
  ExpectRefused(good, "altered", alike);
}

// The MAC of a node with the right key does not make a home that cannot exist pass.
TEST(Ticket, RefusesAHomeThatDoesNotExist) {
  Ticket ticket = Example();
  ticket.home = DataCenterIndex(3);
  ExpectRefused(FormatTicket(ticket, kCell, kKey), "home does not exist");
}

}  // namespace
}  // namespace worldb::arbiter
