#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace neon {

struct ModelSpec;

/// Everything that is wrong with a model file, so that it can be told at once.
class Faults {
 public:
  /// Runs `work` and keeps what it throws. False then.
  template <class Work>
  bool watch(Work&& work) {
    try {
      work();
      return true;
    } catch (const base::Error& error) {
      add(error);
      return false;
    }
  }
  void add(const base::Error& error);
  bool empty() const { return errors_.empty(); }

  /// Throws one Error if there are faults: each with its place in the spec's file, in the file's order.
  void raise(const ModelSpec& spec) const;

 private:
  std::vector<base::Error> errors_;
};

}  // namespace neon
