// Prints pvscsid.toml(5), of the project's version and the page's date; or, without those, an
// example of that file. Run by the build.
#include "common/config/settings_help.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    const std::string text = argc == 3 ? pvscsi::config::settings_manual(argv[1], argv[2])
                                       : pvscsi::config::settings_example();
    return std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0 ? 1 : 0;
}
