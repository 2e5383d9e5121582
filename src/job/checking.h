#pragma once
#include <functional>

#include "wire/event.h"
#include "wire/order.h"

namespace job {

/// The answer to a check order. The model file is a stranger's, and somebody else's training may come to this process
/// next: so a child process reads it and ends. Whatever the file does to that child (a crash, endless work, much
/// memory) becomes the answer's error. To be called while this process has one thread.
wire::Event check_apart(const wire::CheckJob& job);

/// What `find` gives in such a child, or the error of how that ended.
wire::Event find_apart(const std::function<wire::Event()>& find);

}  // namespace job
