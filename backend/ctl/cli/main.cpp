// pvscsictl: brings SCSI LUNs to guests.
#include "backend/ctl/cli/command_line.hpp"
#include "common/base/standard_descriptors.hpp"

int main(int argc, char** argv) {
    using namespace pvscsi::ctl;
    pvscsi::keep_standard_descriptors();
    try {
        CommandLine line;
        if (const auto status = line.parse(argc, argv))
            return static_cast<int>(*status);
        return static_cast<int>(line.run());
    } catch (const Failure& failure) {
        complain("", failure.what());
        return static_cast<int>(failure.code());
    } catch (const std::exception& error) {
        complain("", error.what());
        return static_cast<int>(ExitCode::failed);
    }
}
