#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace api {

/// A value, or the error in its place, that comes later and holds no thread until then. Copies are the same one: who
/// promises keeps one and completes it, who asked takes another. Threads: any.
template <class T>
class Later {
 public:
  /// What came.
  class Outcome {
   public:
    Outcome(T value) : value_(std::move(value)) {}
    Outcome(std::exception_ptr error) : error_(std::move(error)) {}

    /// The value, once. Errors: the one that came in its place.
    T take() {
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
      return std::move(*value_);
    }

   private:
    std::optional<T> value_;
    std::exception_ptr error_;
  };

  Later() : state_(std::make_shared<State>()) {}

  /// The first outcome counts. What was given to then() runs here, before this returns.
  void complete(Outcome outcome) const {
    std::function<void(Outcome)> work;
    std::function<void()> unused;  // ends after the lock
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->done) return;
      state_->done = true;
      unused.swap(state_->abandoned);
      if (!state_->work) {
        state_->outcome.emplace(std::move(outcome));
        state_->came.notify_all();
        return;
      }
      work = std::exchange(state_->work, nullptr);
    }
    work(std::move(outcome));
  }

  /// Completes it with what `make` gives, or throws.
  template <class Make>
  void complete_by(Make make) const {
    std::optional<Outcome> outcome;
    try {
      outcome.emplace(make());
    } catch (...) {
      outcome.emplace(std::current_exception());
    }
    complete(std::move(*outcome));  // after the handler: whoever takes the error has it alone
  }

  /// `work` runs once, on the thread that completes this, or here when that was before. It must neither throw nor wait.
  /// One of then(), map() and wait(), once.
  void then(std::function<void(Outcome)> work) const {
    std::optional<Outcome> outcome;
    {
      const std::lock_guard lock(state_->mutex);
      if (!state_->outcome) {
        state_->work = std::move(work);
        return;
      }
      outcome.swap(state_->outcome);
    }
    work(std::move(*outcome));
  }

  /// What whoever promised this does when nobody wants it any more: it may complete this early. Once, before any copy
  /// is given away; dropped when this is complete.
  void on_abandoned(std::function<void()> work) const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->done) state_->abandoned = std::move(work);
  }

  /// Nobody wants the outcome any more, though it still comes. What was given to on_abandoned() runs here, once.
  void abandon() const { abandon(state_); }

  /// What `change` makes of the value; what it throws comes in its place. Who abandons that abandons this.
  template <class Change>
  auto map(Change change) const {
    using Changed = std::invoke_result_t<Change, T>;
    Later<Changed> changed;
    changed.on_abandoned([state = std::weak_ptr(state_)] {
      if (const auto there = state.lock()) abandon(there);
    });
    then([changed, change = std::move(change)](Outcome outcome) {
      changed.complete_by([&] { return change(outcome.take()); });
    });
    return changed;
  }

  /// For callers with a thread to spend. Errors: the one that came in the value's place.
  T wait() const {
    std::unique_lock lock(state_->mutex);
    state_->came.wait(lock, [this] { return state_->outcome.has_value(); });
    return state_->outcome->take();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable came;
    bool done = false;
    std::optional<Outcome> outcome;
    std::function<void(Outcome)> work;
    std::function<void()> abandoned;
  };

  static void abandon(const std::shared_ptr<State>& state) {
    std::function<void()> work;
    {
      const std::lock_guard lock(state->mutex);
      work.swap(state->abandoned);
    }
    if (work) work();
  }

  std::shared_ptr<State> state_;
};

template <class T>
inline constexpr bool is_later = false;
template <class T>
inline constexpr bool is_later<Later<T>> = true;

}  // namespace api
