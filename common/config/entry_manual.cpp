// Prints vscsi-config(5); run by the build, with the project's version and the page's date.
#include "common/config/entry_help.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    const std::string text = pvscsi::config::entry_manual(argv[1], argv[2]);
    return std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0 ? 1 : 0;
}
