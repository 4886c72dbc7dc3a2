// pvscsi-hostd: the embedded host, which lets the project's programs be domains on a machine
// without Xen. It serves the store and the broker of one directory until it is told to end.
#include "common/base/command_line.hpp"
#include "common/base/standard_descriptors.hpp"
#include "common/hypervisor/host/broker.hpp"
#include "common/hypervisor/host/domain_nodes.hpp"
#include "common/hypervisor/host/host_directory.hpp"
#include "common/hypervisor/host/store_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace host = pvscsi::hv::host;
namespace log = pvscsi::log;

struct Options {
    std::string dir;
    int ready_fd = -1;
    log::Level level = log::Level::info;
};

void add_options(CLI::App& app, Options& options) {
    app.set_version_flag("--version", PVSCSI_VERSION);
    app.add_option("--dir", options.dir, "Directory for the sockets; made if it is not there")
        ->required();
    app.add_option("--ready-fd", options.ready_fd,
                   "Write a newline to this file descriptor and close it when ready");
    pvscsi::add_log_level(app, options.level);
}

/// A guest costs about ten descriptors, an event channel three.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log::warning("cannot raise the limit of open files");
}

void tell_ready(int fd) {
    if (fd < 0)
        return;
    if (::write(fd, "\n", 1) != 1)
        log::warning("cannot write to the ready file descriptor {}", fd);
    ::close(fd);
}

void serve(const Options& options) {
    boost::asio::io_context io(1);
    host::HostDirectory directory(options.dir);
    host::StoreServer store(io);
    host::DomainNodes nodes(store, directory);
    host::Broker broker(io, directory, nodes);

    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](boost::system::error_code error, int) {
        if (!error)
            io.stop();
    });
    log::info("dir={} ready", directory.path());
    tell_ready(options.ready_fd);
    io.run();
    log::info("dir={} ending", directory.path());
}

} // namespace

int main(int argc, char** argv) {
    pvscsi::keep_standard_descriptors();
    CLI::App app("The embedded host: domains, grants, event channels and store without Xen",
                 "pvscsi-hostd");
    Options options;
    add_options(app, options);
    if (const auto status = pvscsi::parse_command_line(app, argc, argv))
        return *status;
    log::init("pvscsi-hostd", options.level);
    // Whoever can open a domain's socket is that domain.
    ::umask(0077);
    raise_descriptor_limit();
    try {
        serve(options);
    } catch (const std::exception& e) {
        log::error("{}", e.what());
        return 1;
    }
    return 0;
}
