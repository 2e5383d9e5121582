#pragma once
#include <filesystem>

namespace ncloud {

/// Lets the engine's program, which knows how to decode, look at every record of a manifest before it is uploaded:
/// `neon --check`, beside this program. It tells each fault on standard error.
/// Errors: not_found when there is no such program; invalid_argument when there are faults.
void check_data(const std::filesystem::path& manifest, const std::filesystem::path& labels,
                const std::filesystem::path& root);

}  // namespace ncloud
