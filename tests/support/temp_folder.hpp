// A directory of its own for a test, gone with all that is in it when the test is.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace pvscsi::test {

class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "pvscsi-test.XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no temporary folder: " + name);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }
    /// Written or overwritten; its path.
    std::string file(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
        return path(name);
    }
    /// A sparse file.
    std::string image(const std::string& name, std::uintmax_t size) const {
        file(name, "");
        std::filesystem::resize_file(path(name), size);
        return path(name);
    }

  private:
    std::filesystem::path path_;
};

} // namespace pvscsi::test
