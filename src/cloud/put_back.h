#pragma once
#include <string>
#include <vector>

#include "cloud/objects.h"
#include "cloud/store.h"
#include "cloud/worker.h"

namespace cloud {

/// Makes what a job left in a volume a new version of it, file by file: of writers at the same time, the last whole
/// file stays, and what the job did not touch is left as it is by now. Lines for people, of what became of it. Errors:
/// what may work later, such as disk_full; what never will is said in the lines.
std::vector<std::string> put_back(Store& store, Objects& objects, const Written& written);

}  // namespace cloud
