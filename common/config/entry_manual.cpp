// Prints vscsi-config(5); run by the build.
#include "common/config/entry_help.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    const std::string text = pvscsi::config::entry_manual(argc > 1 ? argv[1] : "");
    return std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0 ? 1 : 0;
}
