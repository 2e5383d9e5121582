#pragma once
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>

#include "api/http/service.h"
#include "api/http/stream.h"
#include "api/http/workers.h"

namespace api {

class Connection;

/// One I/O thread's world: its connections live and die on its thread.
struct IoThread {
  using Connections = std::list<Connection*>;
  Connections waiting;  ///< for clients: between requests, or for one that nobody has vouched for; the longest first
  Connections working;
  Connections leaving;                                 ///< broken off, to make room
  std::map<std::string, int, std::less<>> by_address;  ///< waiting and working
  bool stopping = false;
  boost::asio::io_context context{1};  // after the above: connections that are left end with it, and use them
  boost::asio::steady_timer tick{context};

  std::size_t size() const { return waiting.size() + working.size(); }

  /// Makes room for one more connection from `address` within the limits, if need be by breaking off the one that has
  /// waited longest. False when all are at work.
  bool make_room(std::string_view address, std::size_t limit, std::size_t limit_of_address);

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Connections* all : {&waiting, &working, &leaving})
      for (Connection* connection : *all) visit(*connection);
  }
};

/// One client: its requests are answered one after the other, in the order they came.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(IoThread& io, Service& service, Workers& workers, const ServerOptions& options, int socket,
             std::string address);
  ~Connection();

  Task<void> serve();

  void sweep(std::int64_t now_us);
  void stop();         ///< ends it when it is idle or streams events; a request in work is answered first
  void break_off();    ///< ends it whatever it does
  void check_token();  ///< of an answer that takes long, now
  const std::string& address() const { return address_; }

 private:
  enum class Next { keep, linger, close };

  Task<bool> fill();
  Task<bool> read_head();
  Task<bool> read_body();
  Task<Next> exchange();
  Task<Next> respond(HttpAnswer answer, Persistence persistence);
  Task<bool> send(std::span<iovec> pieces);
  Task<bool> send_file(OpenFile& file);
  Task<Next> stream_events(HttpAnswer& answer);
  Task<void> on_worker(const std::function<void()>& work);
  Task<void> linger();
  void take(std::size_t bytes);
  void move_to(IoThread::Connections& list);
  Persistence persistence();
  void reserve_body();
  void release_body();
  bool is_admitted();
  void log(int status);

  IoThread& io_;
  Service& service_;
  Workers& workers_;
  const ServerOptions& options_;
  Stream stream_;
  const std::string address_;
  IoThread::Connections* list_;  // of io_, where it is
  IoThread::Connections::iterator place_;

  std::unique_ptr<char[]> input_;  // kInputBytes; only while there is something to read
  std::size_t begin_ = 0, end_ = 0;
  std::optional<RequestParser> parser_;
  Destination to_;
  std::int64_t body_owner_ = 0;  // a user's id; 0 when nobody is known
  std::int64_t body_reserved_ = 0;
  std::int64_t started_us_ = 0;
  std::optional<Later<Answer>> awaited_;  // the answer, while it is still to come
  bool idle_ = true;                      // between two requests
  bool streaming_ = false;
  bool takes_long_ = false;      // the answer: a file or a stream
  bool tokens_changed_ = false;  // while it is sent
  bool woken_ = false;
  std::atomic<bool> wake_posted_ = false;
};

}  // namespace api
