#include "base/caught.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <system_error>

#include "base/files.h"

namespace base {
namespace {

template <class Work>
Error caught_from(Work&& work) {
  try {
    work();
  } catch (...) {
    return caught();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(Code::internal, "");
}

TEST(Caught, LeavesOwnErrorsAsTheyAre) {
  const Error error = caught_from([] { throw Error(Code::conflict, "taken", "/name"); });
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_EQ(error.message, "taken");
  EXPECT_EQ(error.where, "/name");
}

TEST(Caught, KeepsWhatNamesThisMachineApartFromWhatOthersMayRead) {
  const std::error_code denied(EACCES, std::generic_category());
  const Error errors[] = {
      caught_from([] { throw system_error("cannot open '/srv/private'", EACCES); }),
      caught_from([&] { throw std::filesystem::filesystem_error("cannot copy", "/srv/private", "/b", denied); }),
      caught_from([&] { throw std::system_error(denied, "/srv/private"); }),
      caught_from([] { throw std::runtime_error("no driver in /srv/private"); }),
  };
  for (const Error& error : errors) {
    EXPECT_NE(error.message.find("/srv/private"), std::string::npos) << error.message;
    EXPECT_EQ(message_for_others(error).find('/'), std::string::npos) << message_for_others(error);
  }
  EXPECT_EQ(message_for_others(errors[0]), "the server's machine says: Permission denied");
  EXPECT_EQ(message_for_others(errors[1]), message_for_others(errors[0]));
  EXPECT_EQ(message_for_others(errors[2]), message_for_others(errors[0]));
  EXPECT_EQ(message_for_others(Error(Code::conflict, "taken")), "taken");
}

TEST(Caught, SaysOfFilesWhatFailedAndWhereAndWhy) {
  const TemporaryFolder folder;
  const std::filesystem::path missing = folder.path() / "missing";
  const Error error = caught_from([&] { static_cast<void>(std::filesystem::file_size(missing)); });
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_EQ(error.message, "cannot get file size '" + missing.string() + "': No such file or directory");
}

TEST(Caught, KnowsAFullDiskWhoeverMeetsIt) {
  const std::error_code full(ENOSPC, std::generic_category());
  EXPECT_EQ(caught_from([&] { throw std::filesystem::filesystem_error("cannot copy", "/a", "/b", full); }).code,
            Code::disk_full);
  EXPECT_EQ(caught_from([&] { throw std::system_error(full, "write"); }).code, Code::disk_full);
}

TEST(Caught, LetsNothingPass) {
  EXPECT_EQ(caught_from([] { throw std::bad_alloc(); }).code, Code::unavailable);
  EXPECT_EQ(caught_from([] { throw std::out_of_range("far out"); }).message, "far out");
  EXPECT_EQ(caught_from([] { throw 7; }).code, Code::internal);
}

}  // namespace
}  // namespace base
