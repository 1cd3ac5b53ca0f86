"""Writes an entry of a worklist for dcmtk's wlmscpfs: an exam on a station, tomorrow.

    python worklist.py FILE ACCESSION STATION HHMM

All names and numbers are made up; the test looks for them in what the agent keeps and sends.
"""

import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.9.7777"


def code(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "LOCAL", meaning
    return item


file, accession, station, time = sys.argv[1:]
entry = Dataset()
entry.AccessionNumber = accession
entry.PatientName = "Featherstonehaugh^Ada^Q"
entry.PatientID = "9434765919"
entry.PatientBirthDate = "19511230"
entry.PatientSex = "F"
entry.StudyInstanceUID = f"{ROOT}.2"
entry.RequestedProcedureDescription = "head, Mrs Featherstonehaugh"
entry.RequestedProcedureID = "RP-5512"
entry.RequestedProcedureCodeSequence = [code("CHEAD", "CT head")]
step = Dataset()
step.Modality = "CT"
step.ScheduledStationAETitle = station
step.ScheduledProcedureStepStartDate = (datetime.now(ZoneInfo("Europe/London")) + timedelta(days=1)).strftime("%Y%m%d")
step.ScheduledProcedureStepStartTime = time + "00"
step.ScheduledPerformingPhysicianName = "Featherstonehaugh^Ada"
step.ScheduledProcedureStepDescription = "head, Mrs Featherstonehaugh"
step.ScheduledProcedureStepID = "PPS-9021"
entry.ScheduledProcedureStepSequence = [step]
entry.file_meta = FileMetaDataset()
entry.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.31"
entry.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.6"
entry.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
entry.save_as(file, enforce_file_format=True)
