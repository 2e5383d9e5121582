#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "wire/event.h"
#include "wire/order.h"

namespace job {

using Find = std::function<wire::Event(const wire::CheckJob&)>;

/// A child process that answers one order to check with what `find` gives, and ends. While no order is here it reads a
/// model file of our own, which makes its memory its own and warm. Whatever the order's file does to it (a crash,
/// endless work, much memory) becomes the answer's error; it reaches neither its parent nor its siblings, and has
/// nothing open but the pipes for order and answer.
class CheckChild {
 public:
  explicit CheckChild(const Find& find);  ///< Errors: internal
  ~CheckChild();
  CheckChild(const CheckChild&) = delete;

  /// Once: a line with an order.
  void order(std::string_view line);

  /// Readable when it says something.
  int said() const { return from_.get(); }

  /// When it is too slow, as base::steady_now_us() counts.
  std::int64_t until_us() const { return until_us_; }

  /// Takes what it has said; whether that is all.
  bool hear();

  /// Its answer, with the order's number, or why there is none. Who has that can wait for its end, which frees memory.
  wire::Event answer();

 private:
  int end();

  base::Fd to_, from_;
  pid_t pid_ = -1;
  std::int64_t number_ = 0, until_us_ = 0;
  bool slow_ = false;  ///< it has ended, and had used up its time
  std::string text_;
};

}  // namespace job
