"""A folder as people have them: camera cards, a Takeout, a NAS, photo libraries, downloads that were cut off."""

from itertools import count
from pathlib import Path

from PIL import Image

from tests.support.files.raw_writer import SIZE, encode_jpeg, make_cr2, make_tiff_raw

LONG = "a very long name that a phone gave to this one picture"  # Takeout cuts it to 46 characters

PHOTOGRAPHS = (
    # a camera's card: RAW beside JPEG, and a phone's
    "Camera/IMG_1.CR2",
    "Camera/IMG_1.JPG",
    "Camera/IMG_2.DNG",
    "Camera/IMG_2.jpg",
    "Camera/IMG_3.JPG",
    "Camera/IMG_4.insp",
    "Camera/PXL_5.MP.jpg",
    "Camera/PXL_6.RAW-01.COVER.jpg",
    "Camera/PXL_6.RAW-02.ORIGINAL.dng",
    "Camera/no suffix",
    # Google Takeout
    "Takeout/Google Photos/Photos from 2019/IMG_1.jpg",
    "Takeout/Google Photos/Photos from 2019/IMG_1(1).jpg",
    "Takeout/Google Photos/Photos from 2019/IMG_1-edited.jpg",
    "Takeout/Google Photos/Photos from 2019/IMG_2.jpg",
    f"Takeout/Google Photos/Photos from 2019/{LONG[:47]}.jpg",
    # libraries of programs
    "Photos Library.photoslibrary/originals/A/A1B2.jpeg",
    "iPhoto Library.photolibrary/Masters/2011/05/IMG_9.jpg",
    "Aperture Library.aplibrary/Masters/2012/IMG_8.jpg",
    "Exports/CaptureOne export.jpg",
    "Exports/Thumbs up.jpg",
)
BESIDE = (
    # what a camera, a phone, a drone and an action camera write beside pictures
    *(
        "Camera/" + name
        for name in "MVI_7.MP4 MVI_7.THM PXL_5.MP GH01.LRV GX01.360 VID_1.insv DJI_1.SRT DJI_1.LRF".split()
    ),
    *(
        "Camera/" + name
        for name in "INDEX.CTG SONYCARD.IND track.gpx run.fit run.tcx tour.kml tour.kmz IMG_3.AAE".split()
    ),
    *("Camera/" + name for name in "IMG_1.CR2.pp3 IMG_3.JPG.dop IMG_3.cos IMG_3.on1 profile.icc monitor.icm".split()),
    # what systems and programs leave behind
    "Camera/.nomedia",
    "Camera/.DS_Store",
    "Camera/._IMG_1.JPG",
    "Camera/Picasa.ini",
    "Camera/ZbThumbnail.info",
    "Camera/Thumbs.db",
    "Camera/Icon\r",
    "Camera/IMG_1.JPG~",
    "Camera/.picasaoriginals/IMG_1.JPG",
    "Camera/.thumbnails/1.jpg",
    "digikam4.db",
    "desktop.ini",
    # the NAS, its thumbnails and bins
    "#recycle/gone.jpg",
    "@Recycle/gone.jpg",
    "@Recently-Snapshot/yesterday/IMG_1.JPG",
    "Camera/@eaDir/IMG_1.JPG/SYNOPHOTO_THUMB_M.jpg",
    ".Trash-1000/files/gone.jpg",
    "$RECYCLE.BIN/S-1-5/$R1.jpg",
    # libraries of programs
    "Photos Library.photoslibrary/resources/derivatives/A/A1B2_1_105_c.jpeg",
    "Photos Library.photoslibrary/database/Photos.sqlite",
    "Photos Library.photoslibrary/private/com.apple.photoanalysisd/face.jpg",
    "Photos Library.photoslibrary/scopes/cloudsharing/data/1/shared.jpg",
    "iPhoto Library.photolibrary/Thumbnails/IMG_9.jpg",
    "Aperture Library.aplibrary/Previews/IMG_8.jpg",
    "Aperture Library.aplibrary/Thumbnails/IMG_8.jpg",
    "Lightroom/Lightroom Catalog.lrcat",
    "Lightroom/Lightroom Catalog.lrcat-data",
    "Lightroom/Lightroom Catalog Previews.lrdata/0/1/preview.lrprev",
    "Lightroom/Lightroom Catalog Previews.lrdata/0/1/preview.jpg",
    "CaptureOne/Cache/Proxies/IMG_1.jpg",
    "CaptureOne/Settings/IMG_1.CR2.cos",
    "Bridge/Adobe Bridge Cache.bc",
    # what was not downloaded to its end
    *("Downloads/" + name for name in "a.jpg.crdownload b.jpg.part c.jpg.!ut d.jpg.aria2 e.jpg.tmp f.partial".split()),
    "Downloads/g.jpg.opdownload",
    "Downloads/h.jpg.download/h.jpg",
    # what else lies about
    *("Papers/" + name for name in "letter.pdf logo.svg drawing.ai poster.eps card.vcf trip.ics mail.eml".split()),
    *("Papers/" + name for name in "~$letter.docx setup.exe font.otf old.zip song.mp3 film.mkv note.txt".split()),
    "Takeout/archive_browser.html",
    "Takeout/Google Photos/Photos from 2019/metadata.json",
)
SIDECARS = (
    "Camera/IMG_1.xmp",
    "Camera/IMG_3.JPG.xmp",
    "Takeout/Google Photos/Photos from 2019/IMG_1.jpg.json",
    "Takeout/Google Photos/Photos from 2019/IMG_1.jpg(1).json",
    "Takeout/Google Photos/Photos from 2019/IMG_2.jpg.supplemental-metadata.json",
    f"Takeout/Google Photos/Photos from 2019/{LONG[:46]}.json",
)
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmp:Rating="4"><dc:subject><rdf:Bag><rdf:li>lighthouse</rdf:li></rdf:Bag></dc:subject></rdf:Description>
</rdf:RDF></x:xmpmeta>"""
_TAKEOUT = """{"title": "IMG_1.jpg", "description": "Grandmother in the garden",
"photoTakenTime": {"timestamp": "1563105600"}, "geoData": {"latitude": 48.1, "longitude": 11.6, "altitude": 0.0},
"people": [{"name": "Rosa Maier"}]}"""
PAIRS = {
    "Camera/IMG_1.CR2": "Camera/IMG_1.JPG",
    "Camera/IMG_2.DNG": "Camera/IMG_2.jpg",
    "Camera/PXL_6.RAW-02.ORIGINAL.dng": "Camera/PXL_6.RAW-01.COVER.jpg",
}


def write_photo_folder(folder: Path) -> Path:
    """Write all of it: each photograph another picture, those beside it whole or cut off."""
    shades = count(1)
    for name in (*PHOTOGRAPHS, *BESIDE):
        _write(folder / name, _picture(next(shades), name))
    for name in (name for name in BESIDE if name.startswith(("Downloads/", "Camera/"))):
        _write(folder / name, (folder / name).read_bytes()[:200])
    for name in SIDECARS:
        _write(folder / name, (_TAKEOUT if name.endswith(".json") else XMP).encode())
    return folder


def _picture(shade: int, name: str) -> bytes:
    """Draw a picture that no other is like, as the camera or the program would store it."""
    colour = (shade * 2 % 256, 90, 255 - shade)
    if name.lower().endswith(".cr2"):
        return make_cr2(Image.new("RGB", SIZE, colour))
    if name.lower().endswith(".dng"):
        return make_tiff_raw([Image.new("RGB", SIZE, colour)], dng=True)
    return encode_jpeg(Image.new("RGB", (40 + shade, 40), colour))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
