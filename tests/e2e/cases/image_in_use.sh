# An image that this host has by a loop device, mounted or not, is not given to a guest; a loop device
# and its image are not given to two guests, in either order, whoever makes the domains; partitions of
# one image are.
loop image.img 16M --partscan
host
guest alpha "ram:1M,0:0:0:0"
refused "this host uses it: loop device ${LOOP##*/}" bed_ctl check "file:$DISK,0:0:0:1"
refused "this host uses it: loop device ${LOOP##*/}" bed_ctl attach alpha "file:$DISK,0:0:0:1"
refused "this host uses it: loop device" bed_ctl check "file:$DISK,0:0:0:1,ro"
refused "this host uses it: loop device" bed_ctl check "iso:$DISK,0:0:0:1"

# By the daemon, in a domain of which nobody has asked.
unasked() { # NAME ENTRY...
    config "$@"
    mv "$1.cfg" "$1.known.cfg"
    bed_ctl define "$E2E_DIR/$1.known.cfg" || fail "$1 is not defined"
    config "$1"
    bed_ctl create "$E2E_DIR/$1.cfg" 2>/dev/null || fail "$1 is not created"
}
error_is() { rows "$1" error | grep -q "^0:0:0:0 .*$2"; }
is_offered() { rows "$1" error | grep -q '^0:0:0:0 $' && rows "$1" state | grep -qE '^0:0:0:0 (waiting|connected)'; }
end() { # NAME
    bed_ctl destroy "$1"
    bed_ctl undefine "$1"
}
unasked beta "file:$DISK,0:0:0:0"
until_true 20 error_is beta "this host uses it: loop device ${LOOP##*/}" || fail "given away: $(rows beta error)"
end beta

# A guest has the loop device; another one is to have the image, and its loop device.
unasked beta "$LOOP,0:0:0:0"
until_true 20 is_offered beta || fail "the loop device is not given: $(bed_ctl list beta)"
unasked gamma "file:$DISK,0:0:0:0"
until_true 20 error_is gamma "this host uses it\|already in use" || fail "both have it: $(rows gamma error)"
refused "this host uses it" bed_ctl attach alpha "file:$DISK,0:0:0:1"
end gamma
end beta

# A guest has the image, and then this host gets a loop device for it.
losetup --detach "$LOOP"
unasked gamma "file:$DISK,0:0:0:0"
until_true 20 is_offered gamma || fail "the image is not given: $(bed_ctl list gamma)"
losetup "$LOOP" "$DISK"
refused "domain .* uses it as 0:0:0:0" bed_ctl attach alpha "$LOOP,0:0:0:1"
unasked beta "$LOOP,0:0:0:0"
until_true 20 error_is beta "already in use" || fail "both have it: $(rows beta error)"
end beta
end gamma

# Who only reads lets others read.
losetup --detach "$LOOP"
losetup --read-only "$LOOP" "$DISK"
says right bed_ctl check "file:$DISK,0:0:0:1,ro"
refused "this host uses it: loop device" bed_ctl check "file:$DISK,0:0:0:1"
unasked beta "$LOOP,0:0:0:0,ro"
until_true 20 is_offered beta || fail "the loop device is not given: $(bed_ctl list beta)"
unasked gamma "file:$DISK,0:0:0:0,ro"
until_true 20 is_offered gamma || fail "two that only read: $(bed_ctl list gamma)"
end beta
end gamma
losetup --detach "$LOOP"

# Two parts of the image by loop devices of their own.
losetup --sizelimit 4M "$LOOP" "$DISK"
second=$(losetup --find --show --offset 8M --sizelimit 4M "$DISK") || fail "no second loop device"
E2E_LOOPS+=("$second")
unasked beta "$LOOP,0:0:0:0"
unasked gamma "$second,0:0:0:0"
until_true 20 is_offered beta || fail "the first part is not given: $(bed_ctl list beta)"
until_true 20 is_offered gamma || fail "the second part is not given: $(bed_ctl list gamma)"
end beta
end gamma
