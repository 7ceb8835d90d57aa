"""What the name of a file or folder says: plainly no picture, hidden, rubbish of a system. Shared by all stores."""

import os
from collections.abc import Sequence

# Everything that is not named here is tried: a damaged or foreign picture is to be told of.
_DOCUMENTS = b""".txt .md .markdown .rst .log .csv .tsv .json .jsonl .ndjson .xml .yaml .yml .toml .ini .cfg .conf .html
    .htm .mht .mhtml .css .doc .docx .docm .dot .dotx .xls .xlsx .xlsm .ppt .pptx .pps .ppsx .odt .ods .odp .odg .rtf
    .pages .numbers .key .pub .vsd .vsdx .one .wps .tex .bib .epub .mobi .azw3 .chm .xps .oxps .djvu .eml .msg .mbox
    .vcf .ics .url .webloc .lnk .desktop .plist .gdoc .gsheet .gslides .gdraw .icloud .srt .ass .ssa .vtt"""
_CODE = b""".js .ts .py .pyc .ipynb .c .h .cc .cpp .rs .go .java .class .rb .sh .bat .cmd .ps1 .vbs .sql .lock .exe .dll
    .so .dylib .o .msi .apk .ipa .jar .wasm .pkl .npy .npz .h5 .parquet .pt .safetensors .onnx"""
_DATABASES = b""".db .db3 .db-wal .db-shm .db-journal .sqlite .sqlite3 .sqlite-wal .sqlite-shm .lrcat .lrcat-data
    .lrcat-wal .lrcat-shm .lrcat-journal .lrprev .lrdb .lrtemplate .cocatalogdb .cosessiondb .apdb .apmaster .apversion
    .apalbum .apfolder .bc .bct .ffs_db .ffs_lock .dat .bin .sav"""
_ARCHIVES = b""".zip .tar .tgz .gz .bz2 .tbz2 .xz .txz .zst .lz4 .lzma .7z .rar .cab .cbr .cbz .iso .img .dmg .toast
    .vhd .vmdk .pkg .deb .rpm"""
_FONTS = b".ttf .otf .ttc .woff .woff2 .eot .fon .pfb .afm"
_DRAWINGS = b""".svg .svgz .pdf .ai .eps .epsf .ps .cdr .wmf .emf .dxf .dwg .skp .stl .obj .fbx .gltf .glb .blend .indd
    .idml .sketch"""
_VIDEO = b""".mp4 .m4v .mov .qt .avi .divx .mkv .webm .mpg .mpeg .mpe .m1v .m2v .wmv .asf .flv .f4v .3gp .3gpp .3g2 .mts
    .m2ts .m2t .tod .mod .vob .ifo .bup .ogv .ogm .rm .rmvb .dv .mxf .braw .r3d .crm .hevc .h264 .h265 .swf .mp .insv
    .lrv .lrf .osv .360"""
_SOUND = b""".mp3 .m4a .m4b .wav .aif .aiff .flac .ogg .oga .opus .aac .wma .amr .awb .mid .midi .caf .ape .mka .ac3
    .m3u .m3u8"""
_SIDECARS = b""".xmp .aae .thm .pp3 .arp .dop .cos .cot .cop .cof .comask .on1 .onphoto .nksc .spd .vrd .dr4 .exv .icc
    .icm .dcp .lcp .cube .lut .pto .gpx .kml .kmz .nmea .fit .tcx .ctg .ind .ithmb .inp .int .bnp .cpi .mpl .bdm .bdmv
    .clpi .mpls .moi .modd .moff .pgi"""
_UNFINISHED = b""".tmp .temp .part .partial .filepart .dlpart .dtapart .crdownload .opdownload .fdmdownload .download
    .aria2 .torrent .!ut .!qb .!sync .bc! .ytdl .xltd .bak .swp .swo"""

_OTHER_SUFFIXES = frozenset(
    b" ".join(
        (
            _DOCUMENTS,
            _CODE,
            _DATABASES,
            _ARCHIVES,
            _FONTS,
            _DRAWINGS,
            _VIDEO,
            _SOUND,
            _SIDECARS,
            _UNFINISHED,
        )
    ).split()
)
_OTHER_NAMES = frozenset(
    b"thumbs.db desktop.ini license licence readme makefile version zbthumbnail.info dropbox.device icon\r".split(b" ")
)
_OTHER_FOLDERS = frozenset(
    (
        b"@eadir",
        b"@recycle",
        b"@recently-snapshot",
        b"@__thumb",
        b"#recycle",
        b"#snapshot",
        b"$recycle.bin",
        b"recycler",
        b"system volume information",
        b"lost+found",
        b"lost.dir",
        b"network trash folder",
        b"temporary items",
        b"__macosx",
    )
)
_OTHER_FOLDER_SUFFIXES = (b".lrdata", b".download")  # previews of Lightroom; what Safari has not finished
_ORIGINALS = frozenset((b"originals", b"masters"))  # all that is a photograph in a library of Photos or iPhoto
_PHOTO_LIBRARIES = (b".photoslibrary", b".photolibrary", b".migratedphotolibrary")
_CATALOGS = (b".aplibrary", b".cocatalog", b"captureone", b"iphoto library")  # of Aperture, Capture One, old iPhoto
_CATALOG_CACHES = frozenset(
    b"cache,previews,thumbnails,database,aperture.aplib,ipod photo cache,data,data.noindex".split(b",")
)


def no_picture(name: bytes) -> str | None:
    """Say why a file of this name is plainly no picture; None where it may be one."""
    name = name.lower()
    suffix = name[name.rfind(b".") :]
    if suffix in _OTHER_SUFFIXES and os.path.splitext(name)[1]:
        return f"{suffix.decode()} files are no pictures"
    if name.endswith(b"~") or name.startswith(b"~$"):
        return "copies that an editor keeps are passed over"
    return "no picture by its name" if name in _OTHER_NAMES else None


def is_hidden(name: bytes) -> bool:
    """Tell whether the name starts with a dot. "." and "..", which a bucket may hold, are names like any other."""
    return name.startswith(b".") and name not in (b".", b"..")


def is_rubbish(folder: bytes, parent: bytes = b"") -> bool:
    """Tell whether a folder holds thumbnails or rubbish that systems and photo programs keep.

    Both are names alone. Within a library of Photos or iPhoto, every folder but that of the originals is rubbish.
    """
    folder, parent = folder.lower(), parent.lower()
    if folder in _OTHER_FOLDERS or folder.endswith(_OTHER_FOLDER_SUFFIXES):
        return True
    if parent.endswith(_PHOTO_LIBRARIES):
        return folder not in _ORIGINALS
    return folder in _CATALOG_CACHES and parent.endswith(_CATALOGS)


def is_left_out(folders: Sequence[bytes], root: bytes = b"") -> bool:
    """Tell whether what lies below these nested folders, the outermost first, is hidden or rubbish.

    `root` is the name of the folder that holds the first of them.
    """
    parents = (root, *folders)
    return any(is_hidden(folder) or is_rubbish(folder, parents[n]) for n, folder in enumerate(folders))
