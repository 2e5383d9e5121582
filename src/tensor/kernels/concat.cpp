#include <cstring>

#include "tensor/operations.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

/// Runs of numbers that lie side by side in the joined tensor, and one after the other in their own.
class Joined : public OwnKernel {
 public:
  Joined(std::string_view name, std::vector<Argument> arguments, std::span<const Layout> parts, std::int64_t outer)
      : OwnKernel(name, std::move(arguments)), outer_(outer) {
    for (const Layout& part : parts) {
      runs_.push_back(static_cast<std::int64_t>(part.size_bytes()) / static_cast<std::int64_t>(sizeof(float)) / outer);
      all_ += runs_.back();
    }
  }

 protected:
  /// move(number of the part, offset in the part, offset in the joined tensor, length) for each run.
  template <class Move>
  void for_each_run(const Move& move) const {
    for_parts(outer_, threads_for(outer_ * all_), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t o = begin; o < end; ++o) {
        std::int64_t offset = o * all_;
        for (std::size_t i = 0; i < runs_.size(); offset += runs_[i++]) move(i, o * runs_[i], offset, runs_[i]);
      }
    });
  }

 private:
  std::int64_t outer_, all_ = 0;
  std::vector<std::int64_t> runs_;
};

std::vector<Argument> arguments_for(Slot slot, std::span<const Layout> parts) {
  std::vector<Argument> arguments;
  for (const Layout& part : parts) arguments.push_back({slot, part});
  return arguments;
}

class Concat final : public Joined {
 public:
  Concat(std::span<const Layout> srcs, const Layout& dst, std::int64_t outer)
      : Joined("concat", arguments_for(Slot::src, srcs), srcs, outer), dst_(srcs.size()) {
    add({Slot::dst, dst});
  }
  void run(const RunContext&) const override {
    for_each_run([&](std::size_t i, std::int64_t from, std::int64_t to, std::int64_t count) {
      std::memcpy(at(dst_) + to, at(i) + from, static_cast<std::size_t>(count) * sizeof(float));
    });
  }

 private:
  std::size_t dst_;
};

class Split final : public Joined {
 public:
  Split(const Layout& src, std::span<const Layout> dsts, std::int64_t outer)
      : Joined("split", arguments_for(Slot::dst, dsts), dsts, outer), src_(dsts.size()) {
    add({Slot::src, src});
  }
  void run(const RunContext&) const override {
    for_each_run([&](std::size_t i, std::int64_t to, std::int64_t from, std::int64_t count) {
      std::memcpy(at(i) + to, at(src_) + from, static_cast<std::size_t>(count) * sizeof(float));
    });
  }

 private:
  std::size_t src_;
};

}  // namespace

Kernel concat(std::span<const Layout> srcs, const Layout& dst, std::int64_t outer) {
  return std::make_shared<Concat>(srcs, dst, outer);
}
Kernel split(const Layout& src, std::span<const Layout> dsts, std::int64_t outer) {
  return std::make_shared<Split>(src, dsts, outer);
}

}  // namespace tensor
