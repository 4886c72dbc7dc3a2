# Records of compare.sh (device, tool, native status, verdict) as rows of backend/README.md's table:
# the tools of a device that ended with the same statuses natively share a row.
BEGIN { FS = "\t" }
{
    key = $1 FS $2
    if (index(FS statuses[key] FS, FS $3 FS) == 0) statuses[key] = statuses[key] == "" ? $3 : statuses[key] FS $3
    if ($4 != "equal") differs[key] = 1
    calls[key]++
    if (!(key in seen)) { seen[key] = 1; keys[++count] = key }
}
function in_order(list, parts, n, i, j, swap) {
    n = split(list, parts, FS)
    for (i = 1; i < n; i++)
        for (j = i + 1; j <= n; j++)
            if (parts[i] + 0 > parts[j] + 0) { swap = parts[i]; parts[i] = parts[j]; parts[j] = swap }
    list = parts[1]
    for (i = 2; i <= n; i++) list = list ", " parts[i]
    return list
}
END {
    for (i = 1; i <= count; i++) {
        split(keys[i], part, FS)
        row = part[1] FS in_order(statuses[keys[i]]) FS (keys[i] in differs ? "different" : "equal")
        if (!(row in tools)) rows[++row_count] = row
        tools[row] = tools[row] == "" ? part[2] : tools[row] " " part[2]
    }
    for (i = 1; i <= row_count; i++) {
        split(rows[i], part, FS)
        printf "| %s | %s | %s | %s |\n", part[1], tools[rows[i]], part[2], part[3]
    }
}
