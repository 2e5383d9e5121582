#include "wire/frames.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/files.h"

namespace wire {
namespace {

struct Pair {
  base::Fd here, there;
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    here = base::Fd(ends[0]);
    there = base::Fd(ends[1]);
  }
};

TEST(Frames, CutsAStreamIntoTheFramesThatWereSent) {
  Pair pair;
  send_all(pair.here.get(), request_frame(7, 3, "first") + request_frame(1ull << 40, 9, ""));
  FrameReader reader;
  ASSERT_TRUE(reader.fill(pair.there.get()));
  const Request first = parse_request(reader.next().value());
  EXPECT_EQ(first.id, 7u);
  EXPECT_EQ(first.k, 3u);
  EXPECT_EQ(first.input, "first");
  const Request second = parse_request(reader.next().value());
  EXPECT_EQ(second.id, 1ull << 40);
  EXPECT_EQ(second.input, "");
  EXPECT_FALSE(reader.next());
}

TEST(Frames, WaitsForTheRestOfAFrame) {
  Pair pair;
  const std::string frame = answer_frame(5, R"({"predictions":[]})");
  FrameReader reader;
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    send_all(pair.here.get(), frame.substr(i, 1));
    ASSERT_TRUE(reader.fill(pair.there.get()));
    ASSERT_FALSE(reader.next());
  }
  send_all(pair.here.get(), frame.substr(frame.size() - 1));
  ASSERT_TRUE(reader.fill(pair.there.get()));
  const Answer answer = parse_answer(reader.next().value());
  EXPECT_EQ(answer.id, 5u);
  EXPECT_EQ(answer.json, R"({"predictions":[]})");
}

TEST(Frames, RefusesAFrameOverTheLimitAndTellsTheEnd) {
  Pair pair;
  send_all(pair.here.get(), std::string(4, '\xff'));
  FrameReader reader;
  ASSERT_TRUE(reader.fill(pair.there.get()));
  EXPECT_THROW(reader.next(), base::Error);
  pair.here.reset();
  EXPECT_FALSE(FrameReader().fill(pair.there.get()));
  EXPECT_THROW(parse_request("short"), base::Error);
}

}  // namespace
}  // namespace wire
