// Feeds every file below the folders and files named on the command line to a fuzz target, in
// place of libFuzzer: so the committed corpus is an ordinary test for every compiler.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t replay(const std::filesystem::path& path) {
    if (std::filesystem::is_directory(path)) {
        std::size_t files = 0;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            files += replay(entry.path());
        return files;
    }
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    // Named before it runs: the input that ends the program is the last one printed.
    std::printf("%s (%zu bytes)\n", path.c_str(), bytes.size());
    std::fflush(stdout);
    const std::vector<std::uint8_t> data(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(data.data(), data.size());
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    std::size_t files = 0;
    try {
        for (int i = 1; i < argc; ++i)
            files += replay(argv[i]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    std::printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
