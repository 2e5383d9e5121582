#pragma once
// JPEG files for tests.
#include <turbojpeg.h>

#include <cstdint>
#include <string>
#include <vector>

namespace aeon {

/// (height, width, 3) in b, g, r.
inline std::string jpeg_of(const std::vector<std::uint8_t>& pixels, int height, int width) {
  const tjhandle handle = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long size = 0;
  tjCompress2(handle, pixels.data(), width, 0, height, TJPF_BGR, &data, &size, TJSAMP_420, 90, 0);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  tjFree(data);
  tjDestroy(handle);
  return bytes;
}

}  // namespace aeon
