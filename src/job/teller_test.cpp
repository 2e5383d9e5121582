#include "job/teller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "base/files.h"
#include "wire/process.h"

namespace job {
namespace {

// Reads what is told in this process: the descriptor of events is a pipe as long as this lives.
class Listening : public testing::Test {
 protected:
  Teller teller;
  base::Fd before, reads;

  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::fflush(stdout);
    before = base::Fd(::fcntl(wire::kEvents, F_DUPFD_CLOEXEC, 10));
    reads = base::Fd(ends[0]);
    ::fcntl(reads.get(), F_SETFL, O_NONBLOCK);
    ::dup2(ends[1], wire::kEvents);
    ::close(ends[1]);
  }
  void TearDown() override { ::dup2(before.get(), wire::kEvents); }

  // Kinds and numbers: "epoch 1, step".
  std::string heard() {
    std::string text, told;
    char buffer[1 << 16];
    for (ssize_t got; (got = ::read(reads.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, got);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
      if (end == begin) continue;
      const auto event = base::decode<wire::Event>(base::parse_json(text.substr(begin, end - begin), "event"));
      told += fmt::format("{}{}", told.empty() ? "" : ", ", base::word(event.kind));
      if (event.number) told += " " + std::to_string(*event.number);
    }
    return told;
  }
};

TEST_F(Listening, what_must_not_be_lost_has_numbers) {
  teller.tell({.kind = wire::EventKind::step});
  EXPECT_EQ(teller.tell({.kind = wire::EventKind::epoch}), 1);
  EXPECT_EQ(teller.tell({.kind = wire::EventKind::checkpoint}), 2);
  EXPECT_EQ(heard(), "step, epoch 1, checkpoint 2");
}

TEST_F(Listening, the_next_one_hears_what_is_not_in_safe_hands) {
  for (int i = 0; i < 4; ++i) teller.tell({.kind = wire::EventKind::epoch});
  teller.tell({.kind = wire::EventKind::step});
  teller.kept(1);
  heard();
  teller.attach(2);
  EXPECT_EQ(heard(), "attached, epoch 3, epoch 4");
  teller.attach(2);
  EXPECT_EQ(heard(), "attached, epoch 3, epoch 4");
  teller.kept(4);
  teller.attach(0);
  EXPECT_EQ(heard(), "attached");
}

TEST_F(Listening, steps_do_not_wait_for_a_reader) {
  for (int i = 0; i < 20000; ++i) teller.tell({.kind = wire::EventKind::step, .text = std::string(100, 'x')});
  EXPECT_NE(heard(), "");
  EXPECT_EQ(teller.tell({.kind = wire::EventKind::epoch}), 1);
  EXPECT_EQ(heard(), "epoch 1");
}

TEST_F(Listening, an_end_waits_until_it_is_kept) {
  const std::int64_t number = teller.tell({.kind = wire::EventKind::end});
  auto waits = std::async(std::launch::async, [&] { teller.await_kept(number); });
  EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  teller.kept(number);
  waits.get();
}

}  // namespace
}  // namespace job
