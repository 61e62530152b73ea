/** The package of each file that this module generated. Keyed by identity: another may make a file of the same name. */
const packageNames = new WeakMap();
/** Notes which files are those of a package version. */
export function remember(packageName, files) {
    for (const file of files)
        packageNames.set(file, packageName);
}
/** The package version that a generated file belongs to; undefined for files from elsewhere, whatever they are named. */
export function packageNameOf(file) {
    return packageNames.get(file);
}
