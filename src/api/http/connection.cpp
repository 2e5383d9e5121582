#include "api/http/connection.h"

#include <boost/asio/post.hpp>

#include "api/problem.h"
#include "base/caught.h"
#include "base/clock.h"
#include "base/log.h"

namespace api {
namespace {

constexpr std::size_t kInputBytes = std::size_t{64} << 10;
// Bodies up to this size are read before the token is checked, which saves a turn on the worker threads, and do not
// count as memory that bodies take.
constexpr std::size_t kUncheckedBodyBytes = std::size_t{64} << 10;
// Memory of larger bodies counts as it fills, not as it is announced: announcing costs a client nothing.
constexpr std::size_t kReserveStepBytes = std::size_t{1} << 20;
// A body that comes more slowly than this for longer than a pause may last holds its memory for nothing.
constexpr std::int64_t kBodyBytesPerSecond = std::int64_t{16} << 10;
constexpr std::size_t kFilePieceBytes = std::size_t{256} << 10;
constexpr std::size_t kEventsAtOnce = 256;
// What a refused client may still send before the connection is cut, so that it gets to read the answer.
// Simple clients read only after they have sent all, so it is as much as the largest body that any operation takes.
constexpr std::size_t kLingerBytes = std::size_t{1} << 30;
constexpr std::int64_t kLingerUs = 30'000'000;
constexpr std::int64_t kLingerPauseUs = 2'000'000;

std::int64_t us(int ms) { return std::int64_t{1000} * ms; }

base::Error too_many_bodies() { return {base::Code::unavailable, "too many large requests at the moment; try again"}; }

iovec piece(std::string& text) { return {text.data(), text.size()}; }

}  // namespace

bool IoThread::make_room(std::string_view address, std::size_t limit, std::size_t limit_of_address) {
  const auto same = by_address.find(address);
  const bool address_is_full = same != by_address.end() && static_cast<std::size_t>(same->second) >= limit_of_address;
  if (!address_is_full && size() < limit) return true;
  const auto victim = std::find_if(waiting.begin(), waiting.end(), [&](const Connection* connection) {
    return !address_is_full || connection->address() == address;
  });
  if (victim == waiting.end()) return false;
  (*victim)->break_off();
  return true;
}

Connection::Connection(IoThread& io, Service& service, Workers& workers, const ServerOptions& options, int socket,
                       std::string address)
    : io_(io),
      service_(service),
      workers_(workers),
      options_(options),
      stream_(io.context, socket),
      address_(std::move(address)),
      list_(&io.waiting),
      place_(list_->insert(list_->end(), this)) {
  ++io_.by_address[address_];
}

Connection::~Connection() {
  release_body();
  if (list_ != &io_.leaving) move_to(io_.leaving);
  list_->erase(place_);
}

/// The end of `list`; once leaving, it stays there.
void Connection::move_to(IoThread::Connections& list) {
  if (list_ == &io_.leaving) return;
  list.splice(list.end(), *list_, place_);
  list_ = &list;
  if (list_ != &io_.leaving) return;
  const auto same = io_.by_address.find(address_);
  if (--same->second == 0) io_.by_address.erase(same);
}

/// Deadlines, and whether a client that waits for its answer is still there. One that has only ended its own side
/// cannot be told from one that is gone: it gets its answer, too, unless that has to wait for its turn.
void Connection::sweep(std::int64_t now_us) {
  stream_.sweep(now_us);
  if (awaited_ && stream_.peer_left()) awaited_->abandon();
}

void Connection::break_off() {
  move_to(io_.leaving);
  stream_.break_off();
}

Persistence Connection::persistence() {
  const RequestHead& head = parser_->head();
  if (!head.keep_alive || io_.stopping) return Persistence::close;
  return head.minor_version == 0 ? Persistence::say_keep : Persistence::keep;
}

void Connection::stop() {
  if (!idle_ && !streaming_) return;
  stream_.cancel();
}

void Connection::check_token() {
  if (!takes_long_) return;  // others' tokens are checked with each request
  tokens_changed_ = woken_ = true;
  stream_.cancel();
}

Task<void> Connection::serve() {
  const auto self = shared_from_this();
  Next next = Next::keep;
  while (next == Next::keep && !io_.stopping) {
    next = co_await exchange();
    release_body();
    to_ = {};
    takes_long_ = tokens_changed_ = false;
    move_to(io_.waiting);
  }
  if (next == Next::linger) co_await linger();
  stream_.close();
}

/// Reads some bytes. False at the end, for a broken connection, at the deadline and when the server stops between
/// requests.
Task<bool> Connection::fill() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    input_.reset();  // thousands of idle clients must not hold memory
  }
  while (true) {
    const Stream::Wait wait = co_await stream_.readable();
    if (wait == Stream::Wait::cancelled && !(idle_ && io_.stopping)) continue;
    if (wait != Stream::Wait::ready) co_return false;
    if (!input_) input_ = std::make_unique_for_overwrite<char[]>(kInputBytes);
    if (end_ == kInputBytes) {
      std::memmove(input_.get(), input_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const long got = stream_.receive_now(std::span(input_.get() + end_, kInputBytes - end_));
    if (got < 0) continue;
    end_ += static_cast<std::size_t>(got);
    co_return got > 0;
  }
}

void Connection::take(std::size_t bytes) { begin_ += bytes; }

/// False when there is no further request. Errors: StatusError; 408 for heads that take too long.
Task<bool> Connection::read_head() {
  parser_.emplace();
  idle_ = begin_ == end_;
  if (idle_) {
    stream_.set_deadline(base::steady_now_us() + us(options_.idle_timeout_ms));
    if (!co_await fill()) co_return false;
    idle_ = false;
  }
  started_us_ = base::steady_now_us();
  const std::int64_t deadline = started_us_ + us(options_.header_timeout_ms);
  while (true) {
    const std::string_view bytes(input_.get() + begin_, end_ - begin_);
    take(parser_->feed(bytes));
    if (parser_->head_done()) co_return true;
    stream_.set_deadline(deadline);
    if (!co_await fill()) {
      if (base::steady_now_us() < deadline) co_return false;
      throw StatusError(408, base::Code::invalid_argument, "the request's head took too long");
    }
  }
}

/// False when the client is gone. Errors: StatusError.
Task<bool> Connection::read_body() {
  const std::int64_t began_us = base::steady_now_us();
  while (!parser_->done()) {
    if (begin_ < end_) {
      const std::string_view bytes(input_.get() + begin_, end_ - begin_);
      const std::size_t used = parser_->feed(bytes);
      take(used);
      reserve_body();
      if (used > 0) continue;
    }
    const auto came = static_cast<std::int64_t>(parser_->body().size());
    const std::int64_t slowest = began_us + came * 1'000'000 / kBodyBytesPerSecond;
    const std::int64_t now = base::steady_now_us();
    const std::int64_t deadline = std::min(now, slowest) + us(options_.body_timeout_ms);
    stream_.set_deadline(deadline);
    if (now >= deadline || !co_await fill()) {
      if (base::steady_now_us() < deadline) co_return false;
      throw StatusError(408, base::Code::invalid_argument, "the request's body took too long");
    }
  }
  co_return true;
}

void Connection::reserve_body() {
  // With an announced length, the parser's buffer has its full size from the start, but pages only where something
  // came.
  const std::string& body = parser_->body();
  const std::size_t bytes = parser_->head().content_length ? body.size() : body.capacity();
  if (bytes <= kUncheckedBodyBytes || static_cast<std::int64_t>(bytes) <= body_reserved_) return;
  const auto whole_steps =
      static_cast<std::int64_t>((bytes + kReserveStepBytes - 1) / kReserveStepBytes * kReserveStepBytes);
  const std::int64_t more = whole_steps - body_reserved_;
  if (!service_.reserve(body_owner_, more)) throw too_many_bodies();
  body_reserved_ += more;
}

void Connection::release_body() {
  if (body_reserved_ > 0) service_.release(body_owner_, body_reserved_);
  body_reserved_ = 0;
}

Task<void> Connection::on_worker(const std::function<void()>& work) {
  std::exception_ptr failure;
  const std::function<void(std::function<void()>)> start = [this, &work, &failure](std::function<void()> done) {
    // Whatever happens, the coroutine goes on, on its own thread.
    auto run = [&work, &failure, done = std::move(done)] {
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      done();
    };
    workers_.add(std::move(run));
  };
  co_await continue_after(io_.context, start);
  if (failure) std::rethrow_exception(failure);
}

/// One request and its answer.
Task<Connection::Next> Connection::exchange() {
  std::optional<HttpAnswer> refusal;
  bool head_is_valid = false;
  bool begun = false;  // to answer: what fails then can only break the connection off
  try {
    if (!co_await read_head()) co_return Next::close;
    head_is_valid = true;
    const RequestHead& head = parser_->head();
    to_.request_id = service_.request_id(head);
    std::string request_id = to_.request_id;
    to_ = service_.destination(head);
    to_.request_id = std::move(request_id);
    to_.address = address_;

    parser_->limit_body(to_.body_limit_bytes);
    const std::size_t announced = head.content_length.value_or(0);
    std::optional<Identity> identity;
    if (head.chunked || announced > kUncheckedBodyBytes) {
      std::exception_ptr failure;
      const std::function<void()> check = [&] {
        try {
          identity = service_.admit(to_);
          service_.take_shares(to_, *identity);
        } catch (...) {
          failure = std::current_exception();
        }
      };
      co_await on_worker(check);
      if (failure) std::rethrow_exception(failure);
      move_to(io_.working);
    }
    if (!parser_->done()) {
      body_owner_ = identity ? identity->user_id : 0;
      // So that no client sends what is sure to be refused in its middle.
      if (announced > kUncheckedBodyBytes && !service_.has_room(body_owner_, static_cast<std::int64_t>(announced)))
        throw too_many_bodies();
      if (head.expects_continue && begin_ == end_) {
        std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
        iovec pieces[] = {piece(text)};
        if (!co_await send(pieces)) co_return Next::close;
      }
      if (!co_await read_body()) co_return Next::close;
    }

    const Persistence after = persistence();
    if (to_.ready) {
      begun = true;
      HttpAnswer ready = std::move(*to_.ready);
      co_return co_await respond(std::move(ready), after);
    }
    if (to_.plain != nullptr && to_.plain->cost == PlainCost::nothing) {
      HttpAnswer plain = service_.answer(head, to_, nullptr, {});
      begun = true;
      co_return co_await respond(std::move(plain), after);
    }

    move_to(io_.working);
    // The worker that has the answer also sends it: one thread less to wake before the client sees it.
    HttpAnswer answer;
    std::string head_text;
    iovec pieces[2];
    std::span<iovec> left;
    bool sent = true;
    const auto send_now = [&] {
      head_text = answer_head(
          answer, answer.file ? static_cast<std::size_t>(answer.file->size_bytes) : answer.content.size(), after);
      if (head.method == "HEAD") answer.file.reset();
      pieces[0] = piece(head_text);
      pieces[1] = piece(answer.content);
      left = std::span(pieces, head.method == "HEAD" ? 1 : 2);
      begun = true;
      sent = stream_.send_now(left);
    };
    const std::function<void()> work = [&] {
      answer = service_.answer(head, to_, identity ? &*identity : nullptr, parser_->body());
      if (head.method == "HEAD") answer.events.reset();
      if (!answer.events && !answer.later) send_now();
    };
    co_await on_worker(work);
    if (answer.later) {
      std::optional<Later<Answer>::Outcome> outcome;
      awaited_ = *answer.later;
      std::string().swap(parser_->body());  // the handler has taken it; what was reserved for it is until the answer
      const std::function<void(std::function<void()>)> start = [&](std::function<void()> done) {
        awaited_->then([&outcome, done = std::move(done)](Later<Answer>::Outcome came) {
          outcome.emplace(std::move(came));
          done();
        });
      };
      co_await continue_after(io_.context, start);
      awaited_.reset();
      answer = service_.finish(head, to_, std::move(*outcome));
      send_now();
    }
    log(answer.status);
    release_body();
    if (answer.events) {
      begun = true;
      co_return co_await stream_events(answer);
    }
    if (sent && !left.empty()) sent = co_await send(left);
    if (sent && answer.file) sent = co_await send_file(*answer.file);
    if (!sent) co_return Next::close;
    co_return after == Persistence::close ? Next::linger : Next::keep;
  } catch (const std::exception& error) {
    if (begun) co_return Next::close;
    refusal = service_.problem(error, to_.request_id);
  }
  log(refusal->status);
  // A request that is refused before its body was read leaves the connection at an unknown place, unless it has no
  // body.
  const Persistence after = head_is_valid && parser_->done() ? persistence() : Persistence::close;
  HttpAnswer answer = std::move(*refusal);
  co_return co_await respond(std::move(answer), after);
}

Task<Connection::Next> Connection::respond(HttpAnswer answer, Persistence persistence) {
  std::string head_text = answer_head(answer, answer.content.size(), persistence);
  iovec pieces[] = {piece(head_text), piece(answer.content)};
  std::span<iovec> all(pieces);
  if (parser_->head_done() && parser_->head().method == "HEAD") all = all.first(1);
  const bool sent = co_await send(all);
  if (!sent) co_return Next::close;
  co_return persistence == Persistence::close ? Next::linger : Next::keep;
}

/// Threads: the workers.
bool Connection::is_admitted() {
  try {
    service_.admit(to_);
    return true;
  } catch (...) {
    base::log_info("request {} is broken off: {}", to_.request_id, base::caught().message);
    return false;
  }
}

/// Sends all. False for a broken connection, a client that takes nothing, and one whose token was revoked meanwhile.
Task<bool> Connection::send(std::span<iovec> pieces) {
  bool admitted = true;
  const std::function<void()> check = [&] { admitted = is_admitted(); };
  Stream::Wait result = Stream::Wait::cancelled;
  while (result == Stream::Wait::cancelled && !(streaming_ && io_.stopping)) {
    if (std::exchange(tokens_changed_, false)) co_await on_worker(check);
    if (!admitted) break;
    result = co_await stream_.send(pieces, us(options_.write_timeout_ms));
  }
  if (!admitted || result == Stream::Wait::expired) stream_.forget_unsent();
  co_return result == Stream::Wait::ready;
}

/// False also when the file is shorter than was said, or not what it should be: the connection then ends early, which
/// the client notices.
Task<bool> Connection::send_file(OpenFile& file) {
  std::string buffer(kFilePieceBytes, '\0');
  std::size_t got = 0;
  std::int64_t left = file.size_bytes;
  bool admitted = true;
  const std::function<void()> read = [&] {
    admitted = is_admitted();
    if (!admitted) return;
    try {
      got = base::read_some(
          file.fd, std::span(buffer).first(static_cast<std::size_t>(std::min<std::int64_t>(left, kFilePieceBytes))));
      if (file.check) file.check(std::string_view(buffer).substr(0, got));
    } catch (...) {
      base::log_error("request {}: {}", to_.request_id, base::caught().message);
      got = 0;
    }
  };
  takes_long_ = true;
  while (left > 0) {
    co_await on_worker(read);  // the disk may be slow
    if (!admitted) stream_.forget_unsent();
    if (!admitted || got == 0) co_return false;
    iovec pieces[] = {{buffer.data(), got}};
    if (!co_await send(pieces)) co_return false;
    left -= static_cast<std::int64_t>(got);
  }
  co_return true;
}

/// Sends what a feed gives until it ends, the client leaves, its token is revoked or the server stops. One batch at a
/// time is in memory, so that a client that does not read costs nothing.
Task<Connection::Next> Connection::stream_events(HttpAnswer& answer) {
  streaming_ = takes_long_ = true;
  struct Listening {
    EventFeed& feed;
    ~Listening() { feed.on_change(nullptr); }
  } const listening{*answer.events};
  answer.events->on_change([weak = weak_from_this(), this] {
    // `this` lives while the feed calls: Listening takes the function back before the connection ends.
    if (wake_posted_.exchange(true)) return;
    boost::asio::post(io_.context, [weak] {
      if (const auto self = weak.lock()) {
        self->wake_posted_ = false;
        self->woken_ = true;
        self->stream_.cancel();
      }
    });
  });

  std::string text = answer_head(answer, std::nullopt, Persistence::close);
  std::int64_t after = answer.events_after;
  std::int64_t next_heartbeat = base::steady_now_us() + us(options_.heartbeat_ms);
  std::vector<EventFeed::Event> events;
  bool ended = false;
  bool failed = false;
  bool admitted = true;
  const std::function<void()> read = [&] {
    admitted = is_admitted();
    if (!admitted) return;  // revoked: not an event more
    try {
      ended = answer.events->ended();  // first, so that an event just before the end is not missed
      events = answer.events->read(after, kEventsAtOnce);
    } catch (...) {
      base::log_error("request {}: a stream of events broke: {}", to_.request_id, base::caught().message);
      failed = true;
    }
  };
  while (!io_.stopping) {
    woken_ = false;
    co_await on_worker(read);
    if (!admitted) {
      stream_.forget_unsent();
      co_return Next::close;
    }
    if (failed) break;
    for (const EventFeed::Event& event : events) {
      fmt::format_to(std::back_inserter(text), "id: {}\ndata: {}\n\n", event.id, event.data);
      after = event.id;
    }
    const bool at_end = ended && events.empty();
    if (at_end) text += "event: end\ndata: {}\n\n";
    if (base::steady_now_us() >= next_heartbeat) {
      text += ": still here\n\n";
      next_heartbeat = base::steady_now_us() + us(options_.heartbeat_ms);
    }
    if (!text.empty()) {
      iovec pieces[] = {piece(text)};
      if (!co_await send(pieces)) co_return Next::close;
      text.clear();
    }
    if (at_end) break;
    if (!events.empty() || woken_) continue;
    stream_.set_deadline(next_heartbeat);
    const Stream::Wait wait = co_await stream_.readable();
    if (wait == Stream::Wait::failed) break;
    if (wait == Stream::Wait::ready) {  // the client left, or sends what nobody asked for
      char dropped[1024];
      if (stream_.receive_now(dropped) == 0) break;
    }
  }
  co_return Next::linger;
}

/// Lets a client that is still sending read the answer before the connection ends.
Task<void> Connection::linger() {
  stream_.end_sending();
  begin_ = end_ = 0;
  idle_ = true;  // ends at once when the server stops
  const std::int64_t deadline = base::steady_now_us() + kLingerUs;
  for (std::size_t dropped = 0; dropped < kLingerBytes && !io_.stopping;) {
    stream_.set_deadline(std::min(deadline, base::steady_now_us() + kLingerPauseUs));
    if (base::steady_now_us() >= deadline || !co_await fill()) co_return;
    dropped += end_;
    begin_ = end_ = 0;
  }
}

void Connection::log(int status) {
  if (!base::logs(base::LogLevel::debug)) return;
  const bool known = parser_->head_done();
  base::log_debug("{} {} {} {} us ({})", known ? parser_->head().method : "?",
                  known ? std::string_view(parser_->head().target) : std::string_view("?"), status,
                  base::steady_now_us() - started_us_, to_.request_id);
}

}  // namespace api
