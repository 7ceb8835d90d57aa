"""What names say of files and folders."""

import pytest

from core.domain.file_rules import is_left_out, no_picture

PICTURES = """a.jpg A.JPG b.jpeg c.png d.heic e.HIF f.tif g.cr2 h.CR3 i.dng j.nef k.webp l.avif m.jxl n.jp2 o.ico p.ppm
    q.tga
    r.insp s.mpo t.gpr u.psd v.MP.jpg photo IMG.jpg_original a.unknown""".split()
OTHERS = """a.mp a.lrv a.insv a.360 a.srt a.gpx a.kml a.kmz a.fit a.tcx a.xmp a.pp3 a.dop a.cos a.on1 a.icc a.icm a.vcf
    a.ics
    a.eml a.jpg.crdownload a.jpg.part a.partial a.download a.tmp a.opdownload a.!ut a.aria2 a.torrent a.thm a.ctg a.ind
    a.ithmb a.lrcat a.lrcat-data a.lrprev a.cocatalogdb digikam4.db Picasa.ini ZbThumbnail.info a.svg a.svgz a.pdf a.ai
    a.eps a.mp4 a.MOV a.zip a.exe a.ttf a.docx a.jpg~ ~$a.docx a.AAE a.bak Thumbs.db desktop.ini""".split()


def test_pictures_are_tried_and_others_are_not() -> None:
    assert [name for name in PICTURES if no_picture(name.encode()) is not None] == []
    assert [name for name in OTHERS if no_picture(name.encode()) is None] == []


@pytest.mark.parametrize(
    "folder",
    [
        "#recycle",
        "@Recycle",
        "@Recently-Snapshot",
        "@eaDir",
        ".Trash-1000",
        "$RECYCLE.BIN",
        ".thumbnails",
        "a/b/.picasaoriginals",
        "Photos Library.photoslibrary/resources",
        "Photos Library.photoslibrary/database",
        "Photos Library.photoslibrary/private/x",
        "Photos Library.photoslibrary/scopes",
        "old.photolibrary/Thumbnails",
        "Aperture.aplibrary/Previews",
        "Lightroom/Catalog Previews.lrdata/0",
        "CaptureOne/Cache/Proxies",
        "a.jpg.download",
    ],
)
def test_folders_that_are_left_out(folder: str) -> None:
    assert is_left_out(folder.encode().split(b"/"))


@pytest.mark.parametrize(
    "folder",
    [
        "2019/resources",
        "cache",
        "Previews",
        "Photos Library.photoslibrary",
        "Photos Library.photoslibrary/originals/0",
        "Photos Library.photoslibrary/Masters/2011",
        "Aperture.aplibrary/Masters",
        "Lightroom",
        "CaptureOne/Exports",
        "recycled bottles",
    ],
)
def test_folders_that_are_read(folder: str) -> None:
    assert not is_left_out(folder.encode().split(b"/"))


def test_a_library_may_be_the_source_itself() -> None:
    assert is_left_out([b"resources"], b"Photos Library.photoslibrary")
    assert not is_left_out([b"originals"], b"Photos Library.photoslibrary")
