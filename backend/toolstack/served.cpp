#include "backend/toolstack/served.hpp"

#include <algorithm>

namespace pvscsi::toolstack {

namespace {

constexpr std::string_view not_served = " is not served by this version";

std::string served_forms() {
    std::string text;
    for (const config::PdevForm& form : config::pdev_forms())
        if (form.unserved.empty())
            text += (text.empty() ? "" : ", ") + std::string(form.form);
    return "one of " + text;
}

class Finder {
  public:
    Finder(const std::vector<std::string>& own_names, std::vector<Remark>& remarks)
        : own_names_(own_names), remarks_(remarks) {}

    void look_at(const Lun& lun) {
        if (const auto what = config::unserved(lun.pdev.kind); !what.empty())
            complain(lun, lun.pdev_text, std::string(what).append(not_served), served_forms());
        if (lun.vdev_is_host)
            complain(lun, "host", "giving a whole host adapter" + std::string(not_served),
                     "h:c:t:l, an entry for each unit");
        const bool own = lun.backend.empty() || std::find(own_names_.begin(), own_names_.end(),
                                                          lun.backend) != own_names_.end();
        if (!own)
            complain(lun, lun.backend,
                     "the third field, as it is no option, names the domain that has the device, "
                     "and a unit of another domain" +
                         std::string(not_served),
                     "no such field, or one of " + config::known_options());
        for (const config::OptionForm& option : config::option_forms())
            if (option.is_unserved(lun) && !(lun.vdev_is_host && option.name == "feature-host"))
                complain(lun, std::string(option.name),
                         std::string(option.unserved).append(not_served),
                         "an entry without this option");
    }

  private:
    void complain(const Lun& lun, std::string text, std::string reason, std::string remedy) {
        remarks_.push_back({lun.entry, std::move(text), std::move(reason), std::move(remedy)});
    }

    const std::vector<std::string>& own_names_;
    std::vector<Remark>& remarks_;
};

} // namespace

std::vector<Remark> find_unserved(const std::vector<Lun>& luns,
                                  const std::vector<std::string>& own_names) {
    std::vector<Remark> remarks;
    Finder finder(own_names, remarks);
    for (const Lun& lun : luns)
        finder.look_at(lun);
    return remarks;
}

} // namespace pvscsi::toolstack
