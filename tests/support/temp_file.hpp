// A file of its own for a test, gone when the test is.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace pvscsi::test {

class TempFile {
  public:
    /// In `folder`, or where tests/… run by default: the system's place for temporary files.
    explicit TempFile(std::uint64_t size, const std::filesystem::path& folder =
                                              std::filesystem::temp_directory_path()) {
        path_ = (folder / "pvscsi-test-XXXXXX").string();
        const int fd = ::mkstemp(path_.data());
        if (fd < 0)
            throw std::runtime_error("no temporary file in " + folder.string());
        ::close(fd);
        resize(size);
    }
    ~TempFile() { ::unlink(path_.c_str()); }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    void resize(std::uint64_t size) { std::filesystem::resize_file(path_, size); }

  private:
    std::string path_;
};

} // namespace pvscsi::test
